// Moves posts of the queue by drag and by keyboard, and saves without a new page.
// The buttons, which are plain forms, do the same.

const SCROLL_EDGE = 60;
const SCROLL_STEP = 12;
const STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const main = document.querySelector("main");
const announcer = document.createElement("p");
announcer.className = "visually-hidden";
announcer.setAttribute("role", "status");
document.body.append(announcer);

let lifted = null; // the post that is being moved: {row, home, next, pointer}
let pointerY = 0; // where the pointer is, from the top of the window
let saving = false;

const rowOf = (element) => element.closest(".post");
const titleOf = (row) => row.dataset.title;
const lists = () => [...main.querySelectorAll(".queue")].filter((list) => list.dataset.place !== "fixed date");

function announce(text) {
  announcer.textContent = text;
}

function begin() {
  for (const grip of main.querySelectorAll(".grip")) grip.hidden = false;
  showPlace();
  main.dispatchEvent(new CustomEvent("shown"));
}

function showPlace() {
  const to = main.querySelector("#to");
  if (!to) return;
  main.querySelector("#number").hidden = to.value !== "position";
  main.querySelector("#day").hidden = to.value !== "date";
}

// --- moving a row within the page ---

function lift(row, pointer) {
  lifted = { row, home: row.parentElement, next: row.nextElementSibling, pointer };
  row.classList.add("moving");
}

function placeInWords(row) {
  const rows = [...row.parentElement.children];
  const name = row.parentElement.dataset.place === "reserve" ? "in_reserve" : "in_line";
  return textOf(name, { place: rows.indexOf(row) + 1, places: rows.length });
}

function putBack() {
  const { row, home, next } = lifted;
  home.insertBefore(row, next);
  lifted = null;
  row.classList.remove("moving");
  announce(textOf("back", { post: titleOf(row) }));
}

function drop() {
  const { row, home, next } = lifted;
  lifted = null;
  row.classList.remove("moving");
  if (row.parentElement === home && row.nextElementSibling === next) return;
  const after = row.previousElementSibling;
  const neighbour = after ?? row.nextElementSibling;
  const fields = { posts: row.dataset.id, to: after ? "after" : "before", neighbour: neighbour?.dataset.id };
  if (!neighbour) fields.to = row.parentElement.dataset.place === "reserve" ? "reserve" : "end";
  const form = main.querySelector("#one");
  const data = new FormData(form);
  for (const [name, value] of Object.entries(fields)) if (value) data.set(name, value);
  save(form.action, data, [`grip-${row.dataset.id}`]);
}

// Moves a row within its list by a number of places, as far as the list goes.
function step(row, places) {
  const rows = [...row.parentElement.children];
  const at = rows.indexOf(row);
  const to = Math.min(rows.length - 1, Math.max(0, at + places));
  if (to === at) {
    announce(textOf(places > 0 ? "last" : "first", { post: titleOf(row) }));
    return;
  }
  if (to > at) rows[to].after(row);
  else rows[to].before(row);
  row.scrollIntoView({ block: "nearest" });
  row.querySelector(".grip").focus({ preventScroll: true });
  announce(textOf("moved", { post: titleOf(row), where: placeInWords(row) }));
}

// --- saving, by the same form as without scripts ---

async function save(address, data, focus) {
  if (saving) return;
  saving = true;
  main.classList.add("busy");
  try {
    // A page that a script asks for has its messages only where it is asked for as a page.
    const headers = { accept: "text/html" };
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(data), headers });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!fresh || new URL(answer.url).pathname.endsWith("/login")) throw new Error("not the queue");
    main.replaceChildren(...fresh.childNodes);
    begin();
    const message = main.querySelector(".flash, h1 + p");
    announce(message ? message.textContent : textOf("saved"));
    focusFirst(focus);
  } catch {
    // The page may differ from what is stored; the server knows.
    location.reload();
  } finally {
    saving = false;
    main.classList.remove("busy");
  }
}

// Gives the keyboard to the first of these elements that is there.
function focusFirst(ids) {
  const element = ids.map((id) => document.getElementById(id)).find((one) => one?.checkVisibility());
  element?.focus({ preventScroll: true });
  element?.scrollIntoView({ block: "nearest" });
}

// --- keyboard ---

main.addEventListener("keydown", (event) => {
  const grip = event.target.closest(".grip");
  if (!grip || saving) return;
  const row = rowOf(grip);
  if (event.key in STEPS) {
    event.preventDefault();
    if (!lifted) lift(row, null);
    step(row, STEPS[event.key]);
  } else if (lifted && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    drop();
  } else if (lifted && event.key === "Escape") {
    putBack();
    grip.focus();
  }
});

main.addEventListener("focusout", (event) => {
  // Moving the row takes the focus away for a moment; the row is dropped only when the focus really leaves.
  const grip = event.target.closest(".grip");
  if (!lifted || lifted.pointer !== null || !grip) return;
  requestAnimationFrame(() => {
    if (lifted?.row.contains(grip) && document.activeElement !== grip) drop();
  });
});

// --- pointer ---

main.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest(".grip");
  if (!grip || event.button !== 0 || saving || lifted) return;
  event.preventDefault();
  // Not by the grip: it leaves the page for a moment whenever its post moves, and would lose the pointer.
  main.setPointerCapture(event.pointerId);
  lift(rowOf(grip), event.pointerId);
  pointerY = event.clientY;
  document.body.classList.add("dragging");
  follow();
});

main.addEventListener("pointermove", (event) => {
  if (lifted?.pointer === event.pointerId) pointerY = event.clientY;
});

// Runs in every frame, because a pointer that rests at the edge of the window goes on scrolling.
function follow() {
  if (!lifted || lifted.pointer === null) return;
  if (pointerY < SCROLL_EDGE) window.scrollBy(0, -SCROLL_STEP);
  else if (pointerY > window.innerHeight - SCROLL_EDGE) window.scrollBy(0, SCROLL_STEP);
  placeAt(lifted.row, pointerY);
  requestAnimationFrame(follow);
}

function placeAt(row, y) {
  const list = lists().find((list) => {
    const box = list.getBoundingClientRect();
    return y >= box.top && y <= box.bottom;
  });
  if (!list) return;
  const before = [...list.children].find((other) => {
    const box = other.getBoundingClientRect();
    return other !== row && y < box.top + box.height / 2;
  });
  if (row.parentElement !== list || row.nextElementSibling !== (before ?? null)) list.insertBefore(row, before ?? null);
}

for (const end of ["pointerup", "pointercancel"]) {
  main.addEventListener(end, (event) => {
    if (!lifted || lifted.pointer !== event.pointerId) return;
    document.body.classList.remove("dragging");
    if (end === "pointerup") {
      placeAt(lifted.row, event.clientY);
      drop();
    } else {
      putBack();
    }
  });
}

// --- buttons, without a new page ---

main.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  if (form.method !== "post" || !button) return;
  event.preventDefault();
  const data = new FormData(form, button);
  save(button.hasAttribute("formaction") ? button.formAction : form.action, data, focusAfter(button));
});

function focusAfter(button) {
  const row = rowOf(button);
  if (row) return [`grip-${row.dataset.id}`];
  if (button.id !== "undo") return ["undo", "all"];
  // Back to the post that was moved, or where ticking begins.
  const back = lastRow && document.getElementById(lastRow) ? [lastRow.replace("post-", "grip-"), lastRow.replace("post-", "tick-")] : [];
  return [...back, "all"];
}

let lastRow = "";
main.addEventListener("focusin", (event) => {
  lastRow = rowOf(event.target)?.id ?? lastRow;
});

main.addEventListener("change", (event) => {
  if (event.target.id === "to") showPlace();
});

begin();
