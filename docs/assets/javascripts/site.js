// The parts of a page that are out of sight when it is opened are left for later (theme.css). When
// there is nothing else to do, each is laid out for one frame, so that the browser knows its height.
(() => {
  const parts = [...document.querySelectorAll(".in-parts .part")];
  const whenIdle = window.requestIdleCallback ?? setTimeout;

  // Not drawn for a frame, it would blink in the eyes of the reader.
  function isNear(part) {
    const { top, bottom } = part.getBoundingClientRect();
    return bottom > -innerHeight && top < 2 * innerHeight;
  }

  function setNext() {
    const part = parts.shift();
    if (!part) return;
    part.classList.add("now", "set");
    requestAnimationFrame(() =>
      whenIdle(() => {
        part.classList.toggle("now", isNear(part));
        setNext();
      }),
    );
  }

  addEventListener("load", () => whenIdle(setNext));
  // A page that follows without a reload is shown at the place that a link names, or that was left.
  const { pathname } = location;
  location$.subscribe((next) => {
    if (next.pathname !== pathname) document.documentElement.classList.remove("in-parts");
  });
})();

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
