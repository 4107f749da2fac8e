// Edits the choices for a picture on the picture itself: crop box, focal point, protected parts, cuts between panels.
// The text fields of the form hold them as fractions; mouse, finger and keyboard write the fields.
const form = document.getElementById("post");
const list = document.getElementById("picture-list");
const STEP = 0.01;
const LARGE_STEP = 0.1;
const SVG = "http://www.w3.org/2000/svg";
// Its address changes with its content, as that of every static file.
const { shapeAt, shapeInMiddle, clamp, contains, inWords, isSpeck, marks, moveShape, percent, read, shapeOf, handlePosition, format } = await import(list.dataset.shapes);
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The texts of a kind begin with its name.
const KINDS = {
  crop_box: { fits: ["", "crop"] },
  focal_point: { fits: ["", "crop"] },
  protected: { several: true, fits: null },
  gutters: { several: true, fits: ["", "split"] },
};
// Each channel can have its own of these. The scope is the channel that is drawn for; empty: every channel without its own.
const PER_CHANNEL = ["fit", "crop_box", "focal_point"];
const nameOf = (kind, index) => textOf(`${kind}_which`, { number: index + 1 });

function make(kind, className = "", text = "") {
  const element = document.createElement(kind);
  if (className) element.className = className;
  if (text) element.textContent = text;
  if (kind === "button") element.type = "button";
  return element;
}

const CORNERS = ["nw", "ne", "sw", "se"];

class Drawing {
  constructor(picture) {
    this.picture = picture;
    this.stage = picture.querySelector(".stage");
    this.image = this.stage.querySelector("img");
    // The placeholder of a picture that is still being made has another shape, and must not move what is drawn.
    this.image.style.aspectRatio = `${this.image.getAttribute("width")} / ${this.image.getAttribute("height")}`;
    this.suggestions = picture.dataset.gutters ? picture.dataset.gutters.split(",").map((x) => ({ x: Number(x) })) : [];
    this.active = "";
    this.scopes = ["", ...this.#channels()];
    this.scope = this.#firstScope();
    this.layer = document.createElementNS(SVG, "svg");
    this.layer.setAttribute("viewBox", "0 0 1 1");
    this.layer.setAttribute("preserveAspectRatio", "none");
    this.layer.setAttribute("aria-hidden", "true");
    this.handles = make("div", "handles");
    this.stage.append(this.layer, this.handles);
    this.panel = make("div", "panel");
    this.panel.hidden = true;
    this.stage.after(this.#tools(), this.panel);
    picture.querySelector(".coordinates").hidden = !picture.querySelector(":scope > .original .mistake");
    this.stage.addEventListener("pointerdown", (event) => this.#begin(event));
    for (const kind of Object.keys(KINDS)) {
      for (const field of this.#fields(kind)) field.addEventListener("input", () => this.draw());
    }
    for (const fit of this.#fields("fit")) fit.addEventListener("change", () => this.#note());
    this.draw();
  }

  field(name, scope = this.scope) {
    const ending = scope && PER_CHANNEL.includes(name) ? `:${scope}` : "";
    return form.elements[`images-${this.picture.dataset.number}-${name}${ending}`];
  }

  // All fields of a kind: for every channel, then for single ones.
  #fields(name) {
    return PER_CHANNEL.includes(name) ? this.scopes.map((scope) => this.field(name, scope)) : [this.field(name)];
  }

  #channels() {
    const prefix = `images-${this.picture.dataset.number}-crop_box:`;
    const fields = [...this.picture.querySelectorAll("input")].filter((field) => field.name.startsWith(prefix));
    return fields.map((field) => field.name.slice(prefix.length));
  }

  // Begins with what is framed already; else with the channel that takes fewest shapes.
  #firstScope() {
    const isSet = (scope) => ["crop_box", "focal_point"].some((kind) => this.field(kind, scope).value !== "");
    return [...this.scopes.slice(1), ""].find(isSet) ?? this.picture.dataset.scope;
  }

  shapes(kind) {
    return read(kind, this.field(kind).value);
  }

  // Writes the field, and notifies the form, which updates the preview.
  write(kind, shapes, empty = "") {
    this.field(kind).value = format(kind, shapes) || empty;
    this.field(kind).dispatchEvent(new Event("input", { bubbles: true }));
  }

  #tools() {
    const tools = make("div", "tools");
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", textOf("draw"));
    this.buttons = {};
    for (const kind of Object.keys(KINDS)) {
      const button = make("button", "tool", textOf(kind));
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => this.choose(this.active === kind ? "" : kind));
      this.buttons[kind] = button;
      tools.append(button);
    }
    return tools;
  }

  choose(kind) {
    this.active = kind;
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === kind));
    this.picture.classList.toggle("drawing", kind !== "");
    this.stage.style.maxWidth = kind ? `min(100%, 70vh * ${this.image.width / this.image.height})` : "";
    this.panel.hidden = kind === "";
    this.drawnState = "";
    if (kind) this.#fillPanel();
    this.draw();
    // A picture that is drawn on becomes large, and may then lie out of sight.
    if (kind) this.picture.scrollIntoView({ block: "start" });
  }

  #fillPanel() {
    const kind = this.active;
    const { several } = KINDS[kind];
    const row = make("p", "row");
    this.adder = make("button", "", textOf(`${kind}_add`));
    this.adder.addEventListener("click", () => this.add());
    this.clearer = make("button", "", textOf(several ? "remove_all" : "remove_it"));
    this.clearer.addEventListener("click", () => this.#clear());
    row.append(this.adder, this.clearer);
    if (kind === "gutters") row.append(...this.#suggestion());
    const done = make("button", "", textOf("done"));
    done.addEventListener("click", () => {
      this.choose("");
      this.buttons[kind].focus();
    });
    row.append(done);
    this.status = make("p", "hint");
    const keys = make("p", "hint", textOf("keys"));
    const scope = PER_CHANNEL.includes(kind) ? [this.#scopeChoice()] : [];
    this.panel.replaceChildren(...scope, make("p", "", textOf(`${kind}_help`)), this.status, row, keys);
    this.#note();
  }

  #scopeChoice() {
    const choice = make("select");
    for (const scope of [...this.scopes.slice(1), ""]) choice.add(new Option(scope || textOf("every_channel"), scope, false, scope === this.scope));
    choice.addEventListener("change", () => {
      this.scope = choice.value;
      this.drawnState = "";
      this.draw();
    });
    const label = make("label", "row scope", textOf("shown_on"));
    label.append(choice);
    return label;
  }

  #suggestion() {
    const own = make("button", "", textOf("take_cuts"));
    own.hidden = this.suggestions.length === 0;
    own.addEventListener("click", () => this.#decide(this.suggestions));
    const nowhere = make("button", "", textOf("cut_nowhere"));
    nowhere.addEventListener("click", () => this.#decide([], "none"));
    return [own, nowhere];
  }

  #decide(cuts, empty = "") {
    this.write("gutters", cuts, empty);
    document.getElementById("pictures-status").textContent = this.status.textContent;
  }

  #clear() {
    this.write(this.active, []);
    this.adder.focus();
  }

  // Describes the present shapes, and says whether they have any effect.
  #note() {
    if (!this.active) return;
    const kind = this.active;
    const { fits, several } = KINDS[kind];
    const shapes = this.shapes(kind);
    const fit = PER_CHANNEL.includes(kind) ? this.field("fit") : this.field("fit", "");
    const words = shapes.map((shape, index) => textOf("shape_where", { shape: nameOf(kind, index), where: inWords(shape) }));
    if (kind === "gutters" && shapes.length === 0) words.push(this.#unsetCuts());
    if (fits && !fits.includes(fit.value)) words.push(textOf("no_effect", { fit: fit.selectedOptions[0].text }));
    this.status.textContent = words.join(" ");
    this.adder.hidden = !several && shapes.length > 0;
    this.clearer.hidden = shapes.length === 0 && this.field(kind).value !== "none";
  }

  #unsetCuts() {
    if (this.field("gutters").value === "none") return textOf("is_cut_nowhere");
    if (this.suggestions.length === 0) return textOf("no_gaps");
    const places = this.suggestions.map(({ x }) => percent(x)).join(", ");
    return textOf(this.suggestions.length === 1 ? "one_gap" : "gaps", { count: this.suggestions.length, places });
  }

  add() {
    const kind = this.active;
    const shapes = [...this.shapes(kind), shapeInMiddle(kind)];
    this.write(kind, shapes);
    this.handles.querySelector(`[data-index="${shapes.length - 1}"]`)?.focus();
  }

  // Keeps the present handles, so that none loses the focus or the finger that moves it.
  draw() {
    for (const kind of Object.keys(KINDS)) {
      const set = this.#fields(kind).some((field) => field.value !== "");
      this.buttons[kind].classList.toggle("set", set);
      this.buttons[kind].setAttribute("aria-label", textOf(set ? `${kind}_set` : kind));
    }
    this.#drawLayer();
    const shapes = this.active ? this.shapes(this.active) : [];
    const state = `${this.active} ${this.scope} ${shapes.length}`;
    if (state !== this.drawnState) this.#makeHandles(shapes);
    this.drawnState = state;
    for (const handle of this.handles.children) this.#place(handle, shapes[Number(handle.dataset.index)]);
    this.#note();
  }

  #drawLayer() {
    const all = Object.keys(KINDS).flatMap((kind) => this.#marks(kind));
    if (this.active === "gutters" && this.field("gutters").value === "") all.push(...marks("gutters", this.suggestions, "suggested"));
    this.layer.replaceChildren(
      ...all.map(([element, className, attributes]) => {
        const part = document.createElementNS(SVG, element);
        part.setAttribute("class", className);
        for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
        return part;
      }),
    );
  }

  // Shows what is outside a crop dimmed, unless other channels show another part.
  #marks(kind) {
    const own = marks(kind, this.shapes(kind));
    const others = this.#fields(kind).filter((field) => field !== this.field(kind) && field.value !== "");
    const outlines = others.flatMap((field) => marks(kind, read(kind, field.value))).filter(([, name]) => name !== "dimmed");
    return others.length && this.active !== kind ? [...own.filter(([, name]) => name !== "dimmed"), ...outlines] : [...outlines, ...own];
  }

  #makeHandles(shapes) {
    const parts = this.active && shapeOf(this.active) === "box" ? ["all", ...CORNERS] : ["all"];
    this.handles.replaceChildren(...shapes.flatMap((_, index) => parts.map((part) => this.#handle(index, part))));
  }

  #handle(index, part) {
    const kind = this.active;
    const handle = make("button", `grip ${part}`);
    handle.dataset.index = index;
    handle.dataset.part = part;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", part === "all" ? nameOf(kind, index) : textOf(`corner_${part}`, { shape: nameOf(kind, index) }));
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", "100");
    handle.addEventListener("keydown", (event) => this.#key(event, index, part));
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      handle.focus();
      this.#drag(event, handle, index, part);
    });
    return handle;
  }

  #place(handle, shape) {
    const [x, y] = handlePosition(shape, handle.dataset.part);
    handle.style.left = `${x * 100}%`;
    handle.style.top = `${y * 100}%`;
    handle.setAttribute("aria-valuenow", Math.round(x * 100));
    handle.setAttribute("aria-valuetext", inWords(shape));
  }

  #with(kind, index, shape) {
    return this.shapes(kind).map((other, at) => (at === index ? shape : other));
  }

  #key(event, index, part) {
    const kind = this.active;
    if (event.key in ARROWS) {
      event.preventDefault();
      const step = event.shiftKey ? LARGE_STEP : STEP;
      const [dx, dy] = ARROWS[event.key];
      this.write(kind, this.#with(kind, index, moveShape(this.shapes(kind)[index], part, dx * step, dy * step)));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.write(kind, this.shapes(kind).filter((_, at) => at !== index));
      (this.handles.querySelector("button") ?? this.adder).focus();
    } else if (event.key === "Escape") {
      this.choose("");
      this.buttons[kind].focus();
    }
  }

  #at(event) {
    const box = this.image.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  // Moves the shape under the pointer, or begins a new one.
  #begin(event) {
    if (!this.active || event.button !== 0) return;
    event.preventDefault();
    const kind = this.active;
    const [x, y] = this.#at(event);
    const shapes = this.shapes(kind);
    const inside = shapes.findIndex((shape) => contains(shape, x, y));
    if (inside >= 0) return this.#drag(event, this.stage, inside, "all");
    const others = KINDS[kind].several ? shapes : [];
    const former = this.field(kind).value;
    this.field(kind).value = format(kind, [...others, shapeAt(kind, x, y)]);
    this.draw();
    this.#drag(event, this.stage, others.length, shapeOf(kind) === "box" ? "se" : "all", former);
  }

  // `former`: what the field held before the shape was begun; a mere click draws no box.
  #drag(event, target, index, part, former = null) {
    const kind = this.active;
    const start = this.#at(event);
    const original = this.shapes(kind)[index];
    const over = new AbortController();
    target.setPointerCapture(event.pointerId);
    const follow = (now) => {
      const [x, y] = this.#at(now);
      // The form is notified at the end: each notification renders pictures.
      const shape = moveShape(original, part, x - start[0], y - start[1]);
      this.field(kind).value = format(kind, this.#with(kind, index, shape));
      this.draw();
    };
    target.addEventListener("pointermove", follow, { signal: over.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      const rest = () => {
        over.abort();
        const shapes = this.shapes(kind);
        if (former !== null && isSpeck(shapes[index])) this.write(kind, read(kind, former), former === "none" ? "none" : "");
        else this.write(kind, shapes);
      };
      target.addEventListener(end, rest, { signal: over.signal });
    }
  }
}

function equip(picture) {
  if (picture.querySelector(".stage img")) new Drawing(picture);
}

if (document.getElementById("pictures-status")) {
  for (const picture of list.querySelectorAll(".picture")) equip(picture);
  list.addEventListener("added", (event) => equip(event.target));
}
