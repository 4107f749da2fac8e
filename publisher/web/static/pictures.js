// Adds, moves, removes and restores the pictures of the form, and counts the characters of alt texts.
const form = document.getElementById("post");
const list = document.getElementById("picture-list");
const status = document.getElementById("pictures-status");
let dragged = null;
// The colours whose names mean another one to browsers.
const FILLS = { grey: "#ffffff", green: "#00ff00", orange: "#ff8000" };

function all() {
  return [...list.querySelectorAll(".picture")];
}

function field(picture, name) {
  return form.elements[`images-${picture.dataset.number}-${name}`];
}

function placeOf(picture) {
  return all().indexOf(picture) + 1;
}

// Numbers the pictures, for the form and in every label.
function number() {
  all().forEach((picture, index) => {
    field(picture, "order").value = index + 1;
    for (const label of picture.querySelectorAll("[data-place]")) label.textContent = index + 1;
    picture.querySelector(".earlier").disabled = index === 0;
    picture.querySelector(".later").disabled = index === all().length - 1;
  });
}

function changed() {
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function move(picture, to, focused) {
  const others = all().filter((other) => other !== picture);
  const next = others[to - 1];
  if (next) next.before(picture);
  else list.append(picture);
  number();
  changed();
  const button = focused?.disabled ? picture.querySelector(".earlier:enabled, .later:enabled") : focused;
  button?.focus();
  status.textContent = textOf("picture_moved", { place: placeOf(picture), places: all().length });
}

// Makes a part of a label that shows the present number of a picture.
function place(picture) {
  const element = document.createElement("span");
  element.dataset.place = "";
  element.textContent = placeOf(picture);
  return element;
}

function button(contents, className, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.append(...contents);
  element.addEventListener("click", () => act(element));
  return element;
}

function remove(picture) {
  field(picture, "remove").checked = true;
  showRemoval(picture);
  changed();
  picture.querySelector(".back").focus();
}

// Hides a picture that is removed, behind a button that puts it back.
function showRemoval(picture) {
  const removal = field(picture, "remove");
  picture.classList.toggle("gone", removal.checked);
  const former = picture.querySelector(".back");
  if (!removal.checked) former?.remove();
  if (!removal.checked || former) return;
  const back = button(nodesOf("removed", { place: place(picture) }), "back", () => {
    removal.checked = false;
    showRemoval(picture);
    changed();
    field(picture, "alt_text").focus();
  });
  picture.append(back);
}

// Shows the places and removals that were undone or repeated.
form.addEventListener("pictureschosen", () => {
  const ordered = all().sort((one, another) => field(one, "order").value - field(another, "order").value);
  if (ordered.some((picture, index) => all()[index] !== picture)) list.append(...ordered);
  for (const picture of ordered) {
    showRemoval(picture);
    showWindow(picture);
  }
  number();
});

// Writes what is shown of values: a choice, or the two that are typed. Empty: nothing is chosen, or they are no range.
function chosenRange(picture, prefix, choice) {
  const { value } = field(picture, choice ? prefix + choice : "window");
  if (value !== "typed") return value;
  const [black, white] = ["black", "white"].map((end) => field(picture, prefix + end).value.trim());
  const isRange = [black, white].every((text) => /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) && Number(black) < Number(white);
  return isRange ? `${black}..${white}` : "";
}

// Writes how the colour channels of a picture are merged, as the address of a thumbnail has it.
function chosenChannels(picture) {
  const count = Number(picture.querySelector("[data-channels]")?.dataset.channels ?? 0);
  const choices = Array.from({ length: count }, (_, index) => {
    const range = chosenRange(picture, `channel_${index + 1}_`, "range");
    return field(picture, `channel_${index + 1}_colour`).value + (range && `:${range}`);
  });
  return choices.join(",").replace(/,+$/, "");
}

// Shows the original with the values that are chosen for it.
function showWindow(picture) {
  const original = picture.querySelector(".stage img");
  if (!original) return;
  const value = chosenRange(picture, "window_");
  const address = new URL(original.src);
  const shown = new URLSearchParams();
  if (value) shown.set("window", value);
  const channels = chosenChannels(picture);
  if (channels) shown.set("channels", channels);
  address.search = shown.toString();
  for (const swatch of picture.querySelectorAll(".swatch")) {
    const { value: colour } = swatch.closest(".colour-channel").querySelector("[name$=_colour]");
    swatch.firstElementChild.setAttribute("fill", FILLS[colour] ?? (colour || swatch.dataset.proposed));
  }
  if (original.src !== address.href) original.src = address.href;
}

function count(area) {
  const limit = Number(area.dataset.count);
  const length = [...area.value.trim()].length;
  const counter = document.getElementById(`${area.id}-count`);
  counter.textContent = textOf("characters", { length: numberOf(length), limit: numberOf(limit) });
  counter.classList.toggle("over", length > limit);
}

// Makes the handle for mouse and finger; the two buttons beside it do the same for keyboards.
function handle(picture) {
  const element = document.createElement("span");
  element.className = "handle";
  element.setAttribute("aria-hidden", "true");
  element.textContent = "⠿";
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    dragged = { picture, from: placeOf(picture) };
    picture.classList.add("dragged");
  });
  element.addEventListener("pointermove", (event) => {
    if (dragged?.picture !== picture) return;
    const below = all().find((other) => other !== picture && within(other, event.clientY));
    if (!below) return;
    if (placeOf(below) < placeOf(picture)) below.before(picture);
    else below.after(picture);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, () => {
      if (dragged?.picture !== picture) return;
      picture.classList.remove("dragged");
      if (placeOf(picture) !== dragged.from) move(picture, placeOf(picture));
      dragged = null;
    });
  }
  return element;
}

function within(picture, y) {
  const box = picture.getBoundingClientRect();
  return y > box.top + box.height / 4 && y < box.bottom - box.height / 4;
}

function equip(picture) {
  const row = picture.querySelector(".ordering");
  for (const plain of row.querySelectorAll(".choice")) plain.hidden = true;
  const label = (arrow, name) => {
    const which = document.createElement("span");
    which.className = "visually-hidden";
    which.append(" ", ...nodesOf("which_picture", { place: place(picture) }));
    return [arrow, textOf(name), which];
  };
  row.append(
    handle(picture),
    button(label("↑ ", "earlier"), "earlier", (pressed) => move(picture, placeOf(picture) - 1, pressed)),
    button(label("↓ ", "later"), "later", (pressed) => move(picture, placeOf(picture) + 1, pressed)),
    button(label("", "remove"), "danger", () => remove(picture)),
  );
  const alt = field(picture, "alt_text");
  alt.addEventListener("input", () => count(alt));
  count(alt);
  const padding = field(picture, "padding");
  const colour = field(picture, "padding_colour");
  const offer = () => (colour.closest("label").hidden = padding.value !== "colour");
  padding.addEventListener("change", offer);
  for (const choices of picture.querySelectorAll(".windows, .shaping .typed-choice")) {
    choices.addEventListener("change", () => showWindow(picture));
  }
  picture.querySelector("[data-channels]")?.addEventListener("change", () => showWindow(picture));
  offer();
}

form.addEventListener("uploaded", ({ detail }) => {
  const present = all().find((other) => field(other, "media").value === detail.sha256 && !other.classList.contains("gone"));
  if (present) {
    status.textContent = textOf("here_already", { name: detail.name });
    field(present, "alt_text").focus();
    return;
  }
  list.insertAdjacentHTML("beforeend", detail.html);
  const picture = list.lastElementChild;
  equip(picture);
  number();
  picture.dispatchEvent(new CustomEvent("added", { bubbles: true }));
  status.textContent = textOf("here_now", { name: detail.name });
  // The focus moves to it unless the person works somewhere else.
  if ([document.body, document.getElementById("files")].includes(document.activeElement)) field(picture, "alt_text").focus();
  changed();
});

if (status) {
  for (const picture of all()) equip(picture);
  number();
}
