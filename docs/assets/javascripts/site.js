// What a keyboard needs and the theme leaves out: boxes that scroll sideways take the focus, and
// only while there is something to scroll to; copy buttons are no landmarks of the page.
(() => {
  const BOXES = {
    ".math-display": "Formula",
    ".md-typeset__scrollwrap": "Table",
    ".literate-figure": "Figure",
    ".literate-verdict pre, .literate-problems pre": "Output",
  };

  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => settle(target)));

  function settle(box) {
    if (box.scrollWidth > box.clientWidth + 1) {
      const [, name] = Object.entries(BOXES).find(([kind]) => box.matches(kind));
      box.tabIndex = 0;
      // A figure has a role, and its caption is its name.
      if (box.localName === "figure") return;
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
  }

  // The theme adds its buttons and boxes late, and changes the page without loading another.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node instanceof Element) tend(node);
    }
  }).observe(document.body, { childList: true, subtree: true });
  tend(document.body);
})();
