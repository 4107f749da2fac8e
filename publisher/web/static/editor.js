// Runs the post's form: live preview, autosave, languages as tabs, links from problems to fields.
const form = document.getElementById("post");
const previews = document.getElementById("previews");
const status = document.getElementById("saved");
const key = document.querySelector("meta[name=csrf]");
const PREVIEW_PAUSE = 120;
const PREVIEW_RETRY = 2000;
const SAVE_PAUSE = 1500;

let previewRequest = null;
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

function showStatus(text) {
  if (status) status.textContent = text;
}

async function preview() {
  previewRequest?.abort();
  previewRequest = new AbortController();
  previews.setAttribute("aria-busy", "true");
  try {
    const answer = await send(form.dataset.preview, { signal: previewRequest.signal });
    if (answer.ok || answer.status === 422) show(await answer.text());
    // The desk has too many previews to make just now.
    if (answer.status === 503) previewTimer = setTimeout(preview, PREVIEW_RETRY);
    previews.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name === "AbortError") return;
    previews.removeAttribute("aria-busy");
    showStatus(textOf("no_preview"));
  }
}

// Replaces only the parts that differ, so that pictures, open parts and scrolling stay elsewhere.
function show(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const former = new Map([...previews.children].map((part) => [part.dataset.part, part]));
  for (const part of [...fresh.content.children]) {
    const before = former.get(part.dataset.part);
    if (!before) continue;
    for (const details of part.querySelectorAll("details")) details.open = wasOpen(before, details);
    if (before.isEqualNode(part)) part.replaceWith(before);
  }
  const pane = previews.parentElement;
  const scrolled = pane.scrollTop;
  previews.replaceChildren(fresh.content);
  pane.scrollTop = scrolled;
}

function wasOpen(part, details) {
  const name = details.firstElementChild.textContent;
  return [...part.querySelectorAll("details")].some((other) => other.open && other.firstElementChild.textContent === name);
}

async function save() {
  if (!status) return;
  try {
    if (!form.dataset.autosave) await createOnce();
    else await autosave();
  } catch {
    showStatus(textOf("not_reached"));
  }
}

// Stores a new post as a draft as soon as it has a title, so that nothing typed is lost.
async function createOnce() {
  if (creating || !form.elements.title.value.trim()) return;
  creating = create();
  try {
    await creating;
  } finally {
    creating = null;
  }
}

async function create() {
  const answer = await send(form.dataset.create, { headers: { accept: "application/json" } });
  if (!answer.ok || !(answer.headers.get("content-type") ?? "").includes("json")) return refused(answer);
  const draft = await answer.json();
  form.action = draft.url;
  form.dataset.autosave = `${draft.url}/autosave`;
  form.elements.version.value = draft.version;
  history.replaceState(null, "", draft.url);
  showStatus(textOf("kept_as_draft"));
  form.dispatchEvent(new CustomEvent("created", { detail: draft }));
}

async function autosave() {
  const answer = await send(form.dataset.autosave);
  if (!answer.ok || answer.redirected) return refused(answer);
  const kept = await answer.json();
  showStatus(textOf(kept.changed_by ? "kept_beside" : "kept", { at: kept.at, person: kept.changed_by }));
}

function refused(answer) {
  if (answer.status === 401 || answer.status === 403) showStatus(textOf("logged_out"));
  else showStatus(textOf("field_needs_you"));
}

function onChange() {
  changed = true;
  clearTimeout(previewTimer);
  clearTimeout(saveTimer);
  previewTimer = setTimeout(preview, PREVIEW_PAUSE);
  saveTimer = setTimeout(save, SAVE_PAUSE);
}

form.addEventListener("input", onChange);
form.addEventListener("submit", (event) => {
  clearTimeout(saveTimer);
  if (creating) {
    // Otherwise there would be two posts: the draft that is being created, and the saved one.
    event.preventDefault();
    void creating.catch(() => {}).then(() => form.requestSubmit(event.submitter));
    return;
  }
  changed = false;
});
addEventListener("pagehide", () => {
  if (changed && form.dataset.autosave) navigator.sendBeacon(form.dataset.autosave, fields());
});

// Opens whatever hides a field: a closed part, or the tab of another language.
function reveal(element) {
  for (let around = element; around && around !== form; around = around.parentElement) {
    if (around instanceof HTMLDetailsElement) around.open = true;
    if (around.getAttribute("role") === "tabpanel") document.getElementById(around.getAttribute("aria-labelledby")).click();
  }
}

function firstField(part) {
  const all = [...part.querySelectorAll("textarea, input:not([type=hidden]), select, button")];
  return all.find((field) => field.checkVisibility()) ?? part;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const target = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!target || !form.contains(target)) return;
  event.preventDefault();
  reveal(target);
  const field = target.matches("input, textarea, select") ? target : firstField(target);
  field.focus();
  target.scrollIntoView({ block: "center" });
});
form.addEventListener("invalid", (event) => reveal(event.target), true);

// Turns parts one below the other into tabs.
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
const invalidField = form.querySelector("[aria-invalid=true]");
if (invalidField) {
  reveal(invalidField);
  invalidField.focus();
}

// Shows the day only where the post has a fixed one.
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
