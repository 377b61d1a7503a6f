// The parts of a page that are out of sight when it is opened are left for later (theme.css). When
// there is nothing else to do, each is laid out once, so that its height is known: first its styles
// are computed and in the next pause its boxes, since both at once would make a phone stutter.
(() => {
  const parts = [...document.querySelectorAll(".in-parts .part")];
  const whenIdle = window.requestIdleCallback ?? setTimeout;

  function setNext() {
    const part = parts.shift();
    if (!part) return;
    part.classList.add("now");
    void getComputedStyle(part.firstElementChild).color;
    whenIdle(() => measure(part));
  }

  function measure(part) {
    const { height } = part.getBoundingClientRect();
    part.style.containIntrinsicHeight = `auto ${height}px`;
    part.classList.replace("now", "set");
    whenIdle(setNext);
  }

  if (document.readyState === "complete") whenIdle(setNext);
  else addEventListener("load", () => whenIdle(setNext));
  // A page that follows without a reload is shown at the place that a link names, or that was left.
  const { pathname } = location;
  location$.subscribe((next) => {
    if (next.pathname !== pathname) document.documentElement.classList.remove("in-parts");
  });
})();

// The program of the lab is fetched by the first page that has one.
document$.subscribe(() => {
  if (document.querySelector("attention-lab")) import("./attention-lab.js");
});

// What a keyboard needs and the theme leaves out: boxes that scroll sideways take the focus, and
// only while there is something to scroll to; copy buttons are no landmarks of the page; a link to
// a section, which shows "#", says what it is.
(() => {
  const BOXES = {
    ".math-display": "Formula",
    ".md-typeset__scrollwrap": "Table",
    ".literate-figure": "Figure",
    ".literate-verdict pre, .literate-problems pre": "Output",
    "pre > code": "Code", // before the theme does, which waits until a block is seen
  };

  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => settle(target)));

  function settle(box) {
    if (box.scrollWidth > box.clientWidth + 1) {
      const [, name] = Object.entries(BOXES).find(([kind]) => box.matches(kind));
      box.tabIndex = 0;
      // These have a role; and a figure's caption is its name.
      if (box.matches("figure, code")) return;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", name);
    } else {
      box.removeAttribute("tabindex");
    }
  }

  function tend(root) {
    const all = (kind) => [...root.querySelectorAll(kind), ...(root.matches(kind) ? [root] : [])];
    all(Object.keys(BOXES).join()).forEach((box) => sizes.observe(box));
    all("nav.md-code__nav").forEach((nav) => nav.setAttribute("role", "none"));
    all(".headerlink").forEach((link) => link.setAttribute("aria-label", "Link to this section"));
  }

  // The theme adds its buttons and boxes late, and changes the page without loading another.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node instanceof Element) tend(node);
    }
  }).observe(document.body, { childList: true, subtree: true });
  tend(document.body);
})();

// What the title of an element says, also for the keyboard and for a finger. One box serves all: the
// theme would set up a tooltip for each title at the start of a page, which keeps a phone busy.
(() => {
  const GAP = 6;
  const SOON = 250; // so that a pointer on its way passes by, or gets from the element into the box
  const box = document.createElement("div");
  Object.assign(box, { id: "__title", className: "title-box", role: "tooltip", popover: "manual" });
  let owner = null;
  let timer;

  function hide() {
    if (!owner) return;
    owner.title = box.textContent;
    owner.removeAttribute("aria-describedby");
    box.remove();
    owner = null;
  }

  function show(element) {
    hide();
    // By now it may be hidden, or gone with its page.
    if (!element?.checkVisibility()) return;
    owner = element;
    box.textContent = element.title;
    // Else the browser would show it as well.
    element.removeAttribute("title");
    element.setAttribute("aria-describedby", box.id);
    document.body.append(box);
    box.showPopover();
    const [line] = element.getClientRects();
    const { offsetWidth: width, offsetHeight: height } = box;
    const left = Math.min(line.left, document.documentElement.clientWidth - width - GAP);
    const above = line.bottom + GAP + height > innerHeight;
    box.style.left = `${Math.max(GAP, left)}px`;
    box.style.top = `${above ? line.top - GAP - height : line.bottom + GAP}px`;
  }

  document.addEventListener("pointerover", ({ target }) => {
    clearTimeout(timer);
    if (owner?.contains(target) || box.contains(target)) return;
    const element = target.closest("[title]:not([title=''])");
    if (element || owner) timer = setTimeout(show, SOON, element);
  });
  document.addEventListener("focusin", ({ target }) => {
    if (target.title && target.matches(":focus-visible")) show(target);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    clearTimeout(timer);
    hide();
  });
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  location$.subscribe(hide);
})();
