"""Time the lab at its largest, on a phone: `python benchmarks/lab.py [SITE]`.

Serves SITE (default: `site`) on this machine and sets its lab to 64 words, in a phone's window,
with the processor slowed down four times. Prints how long it takes from an action to the frame
that shows it, in milliseconds: the shortest and the median of 21. The shortest is what the lab
needs; the median also has what else the machine did. A frame without an action comes first, for
comparison.
"""

from __future__ import annotations

import argparse
import random
import statistics
from pathlib import Path

from pages import CHROMIUM
from playwright.sync_api import Page, sync_playwright
from serving import serving

WORDS, WIDTH, SLOWDOWN = 64, 4, 4

ACTIONS = {
    "nothing": "() => {}",
    "choose another query": "(lab, n) => lab.querySelectorAll('.lab-words input')[n + 5].click()",
    "edit a number": """(lab, n) => {
        const box = lab.querySelectorAll(".lab-inputs .lab-number")[5];
        box.value = n / 10;
        box.dispatchEvent(new Event("input", { bubbles: true }));
    }""",
    "change the temperature": """(lab, n) => {
        const slider = lab.querySelector("[data-part=heat]");
        slider.value = n / 10 - 1;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
    }""",
    "go to another step": "(lab, n) => lab.querySelectorAll('.lab-stepper input')[n % 4].click()",
    "point at the map": """(lab, n) => lab.querySelector("canvas").dispatchEvent(
        new PointerEvent("pointermove", { clientX: 9 * n, clientY: 9 * n, bubbles: true }),
    )""",
}

TIME = """async ([action, count]) => {
    const lab = document.querySelector("attention-lab");
    const pause = (time) => new Promise((done) => setTimeout(done, time));
    const frame = () => new Promise((done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = done;
        port2.postMessage(null);
    }));
    const act = ACTION;
    const times = [];
    for (let n = 0; n < count; n++) {
        await pause(200);
        const start = performance.now();
        act(lab, n);
        await frame();
        times.push(performance.now() - start);
    }
    return times;
}"""


def largest() -> dict[str, object]:
    """A state with as many words as the lab takes."""
    chance = random.Random(0)
    x = [[round(chance.gauss(0, 1), 2) for _ in range(WIDTH)] for _ in range(WORDS)]
    return {"words": [f"word{i}" for i in range(WORDS)], "x": x, "step": "weights"}


def measure(tab: Page, action: str, count: int) -> list[float]:
    """The milliseconds from an action to its frame, again and again."""
    times: list[float] = tab.evaluate(TIME.replace("ACTION", ACTIONS[action]), [action, count])
    return times


def main() -> None:
    """Read the argument, and print a line for each action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", default=Path("site"))
    options = parser.parse_args()
    with serving(options.site) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True
        )
        tab = context.new_page()
        tab.goto(f"{server.origin}/lab/", wait_until="networkidle")
        tab.locator("attention-lab").evaluate("(lab, state) => { lab.state = state; }", largest())
        client = context.new_cdp_session(tab)
        client.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        print(f"{'':24} shortest  median")
        for action in ACTIONS:
            times = measure(tab, action, 21)
            print(f"{action:24} {min(times):8.0f} {statistics.median(times):7.0f}")
        browser.close()


if __name__ == "__main__":
    main()
