// Drags posts onto a day of the calendar. The form beside the days does the same, and is filled by the links to it.

const form = document.querySelector("#place");
const SCROLLED = "calendar-scrolled";
let dragged = null;

const dayOf = (event) => event.target.closest?.("[data-day]");
const takes = (day) => day && day.dataset.day >= form.elements.day?.min && !day.matches(".shown, .missed") && !day.contains(dragged);
const postOf = (day) => day.querySelector(".entry[draggable]");

function mark(day) {
  for (const target of document.querySelectorAll(".target")) target.classList.remove("target");
  if (!day) return;
  day.classList.add("target");
  const other = postOf(day);
  if (other) day.dataset.hint = textOf(outcome(other));
}

// Says what becomes of the dragged post and the one of a day: `_neighbour` in calendar_page.py decides it.
function outcome(other) {
  const inTray = !dragged.closest("[data-day]");
  const isDraft = inTray || dragged.matches(".draft");
  if (isDraft && other.dataset.reason === "queue") return "shared";
  if (!inTray) return "swap";
  return other.matches(".draft") ? "shared" : "taken";
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".entry[draggable]") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.title);
  dragged.classList.add("dragged");
});

document.addEventListener("dragover", (event) => {
  const day = dragged && dayOf(event);
  if (!takes(day)) return mark(null);
  event.preventDefault();
  mark(day);
});

document.addEventListener("drop", (event) => {
  const day = dragged && dayOf(event);
  if (!takes(day)) return;
  event.preventDefault();
  const { day: field, swap } = form.elements;
  choose(dragged.dataset.id, dragged.dataset.title);
  field.value = day.dataset.day;
  swap.checked = true;
  // Only with the post that is seen there: a colleague may have put another one on that day.
  swap.value = postOf(day)?.dataset.id ?? "any";
  form.requestSubmit();
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  mark(null);
});

// Chooses a post in the form, which may not list all of them.
function choose(id, title) {
  const list = form.elements.post;
  list.value = id;
  if (list.value !== id) list.add(new Option(title, id, true, true));
}

// Fills the form in place of loading the page again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href$='#place']");
  if (!link || !form.elements.post) return;
  event.preventDefault();
  const asked = new URL(link.href).searchParams;
  const entry = link.closest(".entry");
  if (asked.get("post")) choose(asked.get("post"), entry.dataset.title);
  form.elements.day.value = asked.get("day") ?? "";
  const field = asked.get("post") ? form.elements.day : form.elements.post;
  field.focus();
  form.scrollIntoView({ block: "nearest" });
});

// The page comes back where it was, after a post got its day.
form.addEventListener("submit", () => sessionStorage.setItem(SCROLLED, String(scrollY)));
const scrolled = sessionStorage.getItem(SCROLLED);
sessionStorage.removeItem(SCROLLED);
if (scrolled && !location.hash) scrollTo(0, Number(scrolled));
