// Loads this page again after each change, and replaces its live part.
const live = document.getElementById("live");

async function refresh() {
  // Somebody who is typing a link must not lose it.
  if (live.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
  // Not asked for as a page (`text/html`): its messages are for the page that the person opens.
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (fresh && fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
}

const changes = new EventSource(live.dataset.changes);
changes.addEventListener("change", refresh);
addEventListener("pagehide", () => changes.close());
