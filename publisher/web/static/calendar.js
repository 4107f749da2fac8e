// Drags posts onto a day of the calendar. The form below the days does the same.

const form = document.querySelector("#place");
let dragged = null;

const dayOf = (event) => event.target.closest?.("[data-day]");
const takes = (day) => day && day.dataset.day >= form.elements.day.min && !day.classList.contains("shown");

function mark(day) {
  for (const target of document.querySelectorAll(".target")) target.classList.remove("target");
  day?.classList.add("target");
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
  const { post, day: field } = form.elements;
  post.value = dragged.dataset.id;
  field.value = day.dataset.day;
  form.requestSubmit();
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  mark(null);
});
