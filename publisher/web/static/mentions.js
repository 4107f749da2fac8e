// Offers the people of the desk where somebody types @ in a comment. Without it, @ and a name does the same.

const MAX_SHOWN = 8;
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function start(field) {
  const people = JSON.parse(field.dataset.people);
  const list = document.createElement("ul");
  list.id = `${field.id}-people`;
  list.className = "mention-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", textOf("people"));
  list.hidden = true;
  field.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) field.setAttribute(name, value);
  let chosen = 0;

  // Returns what was typed after the last @ before the cursor; null: nobody is being mentioned.
  function typed() {
    const before = field.value.slice(0, field.selectionStart);
    const match = /(?:^|[^\p{L}\p{N}_.@])@([^@\n]{0,40})$/u.exec(before);
    return match && { at: before.length - match[1].length, text: match[1] };
  }

  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function choose(name, at) {
    field.setRangeText(`${name} `, at, field.selectionStart, "end");
    close();
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function mark() {
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
    field.setAttribute("aria-activedescendant", list.children[chosen].id);
    list.children[chosen].scrollIntoView({ block: "nearest" });
  }

  function show() {
    const mention = typed();
    const wanted = mention ? fold(mention.text) : "";
    const found = mention ? people.filter((name) => fold(name).startsWith(wanted) || fold(name).split(" ").some((part) => part.startsWith(wanted))) : [];
    if (!found.length || found.some((name) => fold(`${name} `) === wanted)) return close();
    list.replaceChildren(...found.slice(0, MAX_SHOWN).map((name, index) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${index}`;
      option.setAttribute("role", "option");
      option.textContent = name;
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        choose(name, mention.at);
      });
      return option;
    }));
    chosen = 0;
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark();
  }

  field.addEventListener("input", show);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const count = list.children.length;
    if (event.key === "ArrowDown") chosen = (chosen + 1) % count;
    else if (event.key === "ArrowUp") chosen = (chosen + count - 1) % count;
    else if (event.key === "Enter" || event.key === "Tab") choose(list.children[chosen].textContent, typed().at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (!list.hidden) mark();
  });
}

document.querySelectorAll("textarea[data-people]").forEach(start);
