/* Search costs a reader nothing until it is used.
 *
 * The theme would fetch the texts of all pages, and the program that searches them, with every page.
 * This file stands in for that program. In a page it fetches both as soon as the search field is
 * entered, so that they are at hand for the first letter; as a worker, in which the theme starts it
 * (overrides/main.html), it sets both up at the first query and passes on what the theme sends.
 */
"use strict";

{
  // The kinds of message that the theme and its worker exchange.
  const [SETUP, READY, QUERY, RESULT] = [0, 1, 2, 3];

  /** The two files, from the address of this one, which names the theme's worker behind its "#". */
  function files(address) {
    const { hash, href } = new URL(address);
    return { worker: new URL(hash.slice(1), href), texts: new URL("../../search/texts.json", href) };
  }

  function warm() {
    const { search } = JSON.parse(document.getElementById("__config").textContent);
    const { worker, texts } = files(new URL(search, location));
    const enter = ({ target }) => {
      if (target.dataset?.mdComponent !== "search-query") return;
      document.removeEventListener("focusin", enter);
      // An error shows when they are needed.
      for (const file of [worker, texts]) fetch(file).catch(() => {});
    };
    document.addEventListener("focusin", enter);
  }

  function serve() {
    const { worker, texts } = files(location.href);
    let setup, query, loading;
    let passing = false;

    const pass = (message) => dispatchEvent(new MessageEvent("message", { data: message }));

    async function load() {
      const docs = await (await fetch(texts)).json();
      importScripts(worker);
      passing = true;
      pass({ type: SETUP, data: { ...setup, docs } });
      passing = false;
      // The theme's worker is set up in a chain of promises, which are all kept before a timer runs.
      await new Promise((done) => setTimeout(done));
      passing = true;
      pass(query);
    }

    // It is the first to listen, so it can hold back what the theme's worker may not hear yet.
    addEventListener("message", (event) => {
      if (passing) return;
      event.stopImmediatePropagation();
      const message = event.data;
      if (message.type === SETUP) {
        setup = message.data;
        postMessage({ type: READY });
      } else if (message.type === QUERY && (message.data || loading)) {
        query = message;
        loading ??= load().catch((error) => {
          loading = undefined; // the next letter tries again
          throw error;
        });
      } else {
        postMessage({ type: RESULT, data: { items: [] } });
      }
    });
  }

  if (typeof document === "undefined") serve();
  else warm();
}
