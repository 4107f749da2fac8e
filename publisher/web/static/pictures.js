// The pictures of the form: they come, change places, go and come back; alt texts are counted.
const form = document.getElementById("post");
const list = document.getElementById("picture-list");
const told = document.getElementById("pictures-told");
let carried = null;

function all() {
  return [...list.querySelectorAll(".picture")];
}

function field(picture, name) {
  return form.elements[`images-${picture.dataset.number}-${name}`];
}

function placeOf(picture) {
  return all().indexOf(picture) + 1;
}

// The form sends the places; people read them in every label.
function number() {
  all().forEach((picture, index) => {
    field(picture, "order").value = index + 1;
    for (const each of picture.querySelectorAll("[data-place]")) each.textContent = index + 1;
    picture.querySelector(".earlier").disabled = index === 0;
    picture.querySelector(".later").disabled = index === all().length - 1;
  });
}

function changed() {
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function move(picture, to, focused) {
  const others = all().filter((each) => each !== picture);
  const next = others[to - 1];
  if (next) next.before(picture);
  else list.append(picture);
  number();
  changed();
  const button = focused?.disabled ? picture.querySelector(".earlier:enabled, .later:enabled") : focused;
  button?.focus();
  told.textContent = `The picture is now number ${placeOf(picture)} of ${all().length}.`;
}

function button(text, className, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.innerHTML = text;
  made.addEventListener("click", () => act(made));
  return made;
}

function remove(picture) {
  const gone = field(picture, "remove");
  gone.checked = true;
  picture.classList.add("gone");
  const back = button(`Picture <span data-place>${placeOf(picture)}</span> is removed. Put it back`, "back", () => {
    gone.checked = false;
    picture.classList.remove("gone");
    back.remove();
    changed();
    field(picture, "alt_text").focus();
  });
  picture.append(back);
  changed();
  back.focus();
}

function count(area) {
  const most = Number(area.dataset.count);
  const length = [...area.value.trim()].length;
  const shown = document.getElementById(`${area.id}-count`);
  shown.textContent = `${length.toLocaleString("en")} of ${most.toLocaleString("en")} characters.`;
  shown.classList.toggle("over", length > most);
}

// The handle is for mouse and finger; the two buttons beside it do the same for keyboards.
function handle(picture) {
  const made = document.createElement("span");
  made.className = "handle";
  made.setAttribute("aria-hidden", "true");
  made.textContent = "⠿";
  made.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    made.setPointerCapture(event.pointerId);
    carried = { picture, from: placeOf(picture) };
    picture.classList.add("carried");
  });
  made.addEventListener("pointermove", (event) => {
    if (carried?.picture !== picture) return;
    const below = all().find((each) => each !== picture && within(each, event.clientY));
    if (!below) return;
    if (placeOf(below) < placeOf(picture)) below.before(picture);
    else below.after(picture);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    made.addEventListener(end, () => {
      if (carried?.picture !== picture) return;
      picture.classList.remove("carried");
      if (placeOf(picture) !== carried.from) move(picture, placeOf(picture));
      carried = null;
    });
  }
  return made;
}

function within(picture, y) {
  const box = picture.getBoundingClientRect();
  return y > box.top + box.height / 4 && y < box.bottom - box.height / 4;
}

function furnish(picture) {
  const row = picture.querySelector(".ordering");
  for (const plain of row.querySelectorAll(".choice")) plain.hidden = true;
  const name = `picture <span data-place>${placeOf(picture)}</span>`;
  const hidden = (text) => `<span class="visually-hidden"> ${text}</span>`;
  row.append(
    handle(picture),
    button(`↑ Earlier${hidden(name)}`, "earlier", (made) => move(picture, placeOf(picture) - 1, made)),
    button(`↓ Later${hidden(name)}`, "later", (made) => move(picture, placeOf(picture) + 1, made)),
    button(`Remove${hidden(name)}`, "danger", () => remove(picture)),
  );
  const alt = field(picture, "alt_text");
  alt.addEventListener("input", () => count(alt));
  count(alt);
  const padding = field(picture, "padding");
  const colour = field(picture, "padding_colour");
  const offer = () => (colour.closest("label").hidden = padding.value !== "colour");
  padding.addEventListener("change", offer);
  offer();
}

form.addEventListener("uploaded", ({ detail }) => {
  const present = all().find((each) => field(each, "media").value === detail.sha256 && !each.classList.contains("gone"));
  if (present) {
    told.textContent = `${detail.name} is in this post already.`;
    field(present, "alt_text").focus();
    return;
  }
  list.insertAdjacentHTML("beforeend", detail.html);
  const picture = list.lastElementChild;
  furnish(picture);
  number();
  picture.dispatchEvent(new CustomEvent("added", { bubbles: true }));
  told.textContent = `${detail.name} is here. It needs an alt text.`;
  // Whoever has nothing else in hand goes on with it.
  if ([document.body, document.getElementById("files")].includes(document.activeElement)) field(picture, "alt_text").focus();
  changed();
});

if (told) {
  for (const picture of all()) furnish(picture);
  number();
}
