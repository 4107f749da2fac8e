// The post's form: a preview that follows the typing, unfinished text kept, languages as tabs, problems that lead
// to their field.
const form = document.getElementById("post");
const looks = document.getElementById("looks");
const told = document.getElementById("saved");
const key = document.querySelector("meta[name=csrf]");
const PREVIEW_PAUSE = 120;
const PREVIEW_AGAIN = 2000;
const SAVE_PAUSE = 1500;

let asking = null;
let previewTimer = 0;
let saveTimer = 0;
let changed = false;
let creating = null;

function fields() {
  const data = new FormData(form);
  data.delete("files");
  return data;
}

async function send(url, options = {}) {
  const ask = () => fetch(url, { method: "POST", body: fields(), headers: { "x-csrf-token": key.content, ...options.headers }, signal: options.signal });
  const answer = await ask();
  if (answer.status !== 403) return answer;
  return (await import(key.dataset.keys)).takeNewKey(answer) ? ask() : answer;
}

function say(text) {
  if (told) told.textContent = text;
}

async function preview() {
  asking?.abort();
  asking = new AbortController();
  looks.setAttribute("aria-busy", "true");
  try {
    const answer = await send(form.dataset.preview, { signal: asking.signal });
    if (answer.ok || answer.status === 422) show(await answer.text());
    // The desk has too many previews to make just now.
    if (answer.status === 503) previewTimer = setTimeout(preview, PREVIEW_AGAIN);
    looks.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name === "AbortError") return;
    looks.removeAttribute("aria-busy");
    say("The preview could not be reached; what you type is kept here.");
  }
}

// Only what is different changes: elsewhere pictures stay, and what somebody opened or scrolled.
function show(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const former = new Map([...looks.children].map((part) => [part.dataset.part, part]));
  for (const part of [...fresh.content.children]) {
    const before = former.get(part.dataset.part);
    if (!before) continue;
    for (const each of part.querySelectorAll("details")) each.open = wasOpen(before, each);
    if (before.isEqualNode(part)) part.replaceWith(before);
  }
  const pane = looks.parentElement;
  const scrolled = pane.scrollTop;
  looks.replaceChildren(fresh.content);
  pane.scrollTop = scrolled;
}

function wasOpen(part, details) {
  const name = details.firstElementChild.textContent;
  return [...part.querySelectorAll("details")].some((each) => each.open && each.firstElementChild.textContent === name);
}

async function keep() {
  if (!told) return;
  try {
    if (!form.dataset.autosave) await begin();
    else await autosave();
  } catch {
    say("Not kept: the desk can't be reached. It is tried again with your next change.");
  }
}

// A new post becomes a draft as soon as it has a title, so that nothing typed is lost.
async function begin() {
  if (creating || !form.elements.title.value.trim()) return;
  creating = made();
  try {
    await creating;
  } finally {
    creating = null;
  }
}

async function made() {
  const answer = await send(form.dataset.create, { headers: { accept: "application/json" } });
  if (!answer.ok || !(answer.headers.get("content-type") ?? "").includes("json")) return refused(answer);
  const draft = await answer.json();
  form.action = draft.url;
  form.dataset.autosave = `${draft.url}/autosave`;
  form.elements.version.value = draft.version;
  history.replaceState(null, "", draft.url);
  say("Kept as a draft.");
  form.dispatchEvent(new CustomEvent("created", { detail: draft }));
}

async function autosave() {
  const answer = await send(form.dataset.autosave);
  if (!answer.ok || answer.redirected) return refused(answer);
  const kept = await answer.json();
  say(kept.changed_by ? `Kept at ${kept.at}. ${kept.changed_by} has saved this post meanwhile: you will see both texts when you save.` : `Kept at ${kept.at}, not saved yet.`);
}

function refused(answer) {
  if (answer.status === 401 || answer.status === 403) say("Not kept: you are logged out. Log in in another window, then go on here.");
  else say("Not kept yet: a field above needs you first.");
}

function onChange() {
  changed = true;
  clearTimeout(previewTimer);
  clearTimeout(saveTimer);
  previewTimer = setTimeout(preview, PREVIEW_PAUSE);
  saveTimer = setTimeout(keep, SAVE_PAUSE);
}

form.addEventListener("input", onChange);
form.addEventListener("submit", (event) => {
  clearTimeout(saveTimer);
  if (creating) {
    // Else the draft that is just being made would stand beside the one that is saved.
    event.preventDefault();
    void creating.catch(() => {}).then(() => form.requestSubmit(event.submitter));
    return;
  }
  changed = false;
});
addEventListener("pagehide", () => {
  if (changed && form.dataset.autosave) navigator.sendBeacon(form.dataset.autosave, fields());
});

// Whatever hides a field opens: a closed part, or a language that is not in front.
function reveal(wanted) {
  for (let around = wanted; around && around !== form; around = around.parentElement) {
    if (around instanceof HTMLDetailsElement) around.open = true;
    if (around.getAttribute("role") === "tabpanel") document.getElementById(around.getAttribute("aria-labelledby")).click();
  }
}

function firstField(part) {
  const all = [...part.querySelectorAll("textarea, input:not([type=hidden]), select, button")];
  return all.find((each) => each.checkVisibility()) ?? part;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const wanted = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!wanted || !form.contains(wanted)) return;
  event.preventDefault();
  reveal(wanted);
  const field = wanted.matches("input, textarea, select") ? wanted : firstField(wanted);
  field.focus();
  wanted.scrollIntoView({ block: "center" });
});
form.addEventListener("invalid", (event) => reveal(event.target), true);

// Parts one below the other become tabs.
function makeTabs(section) {
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", section.getAttribute("aria-label"));
  const tabs = [...section.querySelectorAll(":scope > details")].map((details, index) => makeTab(details, index));
  const choose = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  list.append(...tabs);
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    choose(tab);
    tab.focus();
  });
  section.prepend(list);
  choose(tabs[0]);
}

function makeTab(details, index) {
  const [summary, panel] = details.children;
  const tab = document.createElement("button");
  tab.type = "button";
  tab.id = `language-tab-${index}`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", `language-${index}`);
  tab.append(...summary.childNodes);
  panel.id = `language-${index}`;
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  details.replaceWith(panel);
  return tab;
}

for (const section of form.querySelectorAll("[data-tabs]")) makeTabs(section);
const mistaken = form.querySelector("[aria-invalid=true]");
if (mistaken) {
  reveal(mistaken);
  mistaken.focus();
}

// The day matters only where it was chosen.
function offerDay() {
  const day = document.getElementById("fixed_date").closest(".field");
  day.hidden = form.elements.place.value !== "date";
}
form.addEventListener("change", offerDay);
offerDay();

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[value=save]"));
  }
});
