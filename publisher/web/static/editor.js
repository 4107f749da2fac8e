// Runs the post's form: live preview, autosave, languages as tabs, links from problems to fields.
const form = document.getElementById("post");
const previews = document.getElementById("previews");
const status = document.getElementById("saved");
const unsavedList = document.getElementById("unsaved");
const PREVIEW_PAUSE = 120;
const PREVIEW_RETRY = 2000;
const SAVE_PAUSE = 1500;
const MAX_SAVE_PAUSE = 5000;
const SAVE_RETRY = 5000;
const LIST_PAUSE = 300;

let previewRequest = null;
let previewTimer = 0;
let saveTimer = 0;
let firstUnsent = 0;
let listTimer = 0;
let saving = null;
let saveAgain = false;
let leaving = false;

// `address`: that of the post; empty: it is not there yet.
const about = () => ({ post: { address: form.dataset.address ?? "", create: form.dataset.create } });
const kept = status && new deskUnsaved.KeptForm(form, "post", about);

function fields() {
  const data = new FormData(form);
  data.delete("files");
  return data;
}

function send(url, options = {}) {
  return deskSession.send(url, { body: fields(), ...options });
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

// Hands what was typed to the desk; one request after the other, so that none overtakes a later one.
function save() {
  clearTimeout(saveTimer);
  saveTimer = 0;
  if (!status || leaving) return saving;
  saveAgain = Boolean(saving);
  saving ??= saveOnce().finally(() => {
    saving = null;
    if (saveAgain) save();
  });
  return saving;
}

async function saveOnce() {
  firstUnsent = 0;
  try {
    if (form.dataset.address) await autosave();
    else if (!kept.isPristine && !(await create())) await autosave();
  } catch {
    showStatus(textOf(kept.isStored ? "not_reached" : "kept_nowhere"));
    retry();
  }
}

function retry() {
  saveTimer ||= setTimeout(save, SAVE_RETRY);
}

// Makes a new post a draft from its first letter or picture on. Resolves with whether the desk has all of it.
async function create() {
  const { typedAt } = kept;
  const answer = await send(form.dataset.create, { headers: { accept: "application/json" } });
  if (!answer.ok) {
    refused(answer);
    return true;
  }
  const draft = await answer.json();
  form.action = draft.url;
  form.dataset.address = draft.url;
  unsavedList.dataset.address = `${draft.url}/unsaved`;
  form.elements.version.value = draft.version;
  history.replaceState(null, "", draft.url);
  showStatus(textOf("kept_as_draft"));
  form.dispatchEvent(new CustomEvent("created", { detail: draft }));
  if (draft.is_whole) kept.synced(typedAt);
  return draft.is_whole && kept.isSynced;
}

async function autosave() {
  const { typedAt } = kept;
  const answer = await send(`${form.dataset.address}/autosave`, { headers: { accept: "application/json" } });
  if (!answer.ok || answer.redirected) return refused(answer);
  const { at, changed_by: person, others } = await answer.json();
  kept.synced(typedAt);
  showStatus(textOf(person ? "kept_beside" : "kept", { at, person }));
  if (others !== unsavedList.childElementCount) listUnsaved();
}

function refused(answer) {
  if (deskSession.isLoggedOut()) {
    showStatus(textOf(kept.isStored ? "logged_out" : "kept_nowhere"));
    deskSession.offerLogin();
  } else if (answer.status === 400 || answer.status === 413) showStatus(textOf("too_long_to_keep"));
  else if (answer.status >= 500) {
    showStatus(textOf("not_reached"));
    retry();
  } else showStatus(textOf("kept_here"));
}

function onChange() {
  clearTimeout(previewTimer);
  previewTimer = setTimeout(preview, PREVIEW_PAUSE);
  if (!status) return;
  kept.typed();
  firstUnsent ||= Date.now();
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, Math.min(SAVE_PAUSE, Math.max(0, firstUnsent + MAX_SAVE_PAUSE - Date.now())));
}

// Lists what this person typed for this post in other tabs, for them to choose.
function listUnsaved() {
  listTimer ||= setTimeout(async () => {
    listTimer = 0;
    if (!unsavedList.dataset.address) return;
    const query = new URLSearchParams({ tab: kept.tab });
    if (form.elements.continues) query.append("tab", form.elements.continues.value);
    const answer = await fetch(`${unsavedList.dataset.address}?${query}`).catch(() => null);
    if (answer?.ok) unsavedList.innerHTML = await answer.text();
  }, LIST_PAUSE);
}

form.addEventListener("input", onChange);
if (status) {
  deskUnsaved.sendWhenReady(form, async () => {
    clearTimeout(saveTimer);
    saveTimer = 0;
    // Otherwise there would be two posts: the draft that is being created, and the saved one.
    while (saving) await saving;
  });
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    leaving = true;
    clearTimeout(saveTimer);
    kept.write({ closed: true });
  });
  addEventListener("pagehide", () => {
    if (leaving || kept.isSynced) return;
    kept.write({ closed: true });
    if (form.dataset.address) navigator.sendBeacon(`${form.dataset.address}/autosave`, fields());
  });
  addEventListener("pageshow", () => (leaving = false));
  addEventListener("beforeunload", (event) => {
    if (leaving || kept.isSynced) return;
    kept.write();
    if (!kept.isStored) event.preventDefault();
  });
  addEventListener("storage", (event) => deskUnsaved.isRecord(event.key) && listUnsaved());
  document.addEventListener("handedover", listUnsaved);
  document.addEventListener("loggedin", () => {
    if (kept.isSynced) return;
    showStatus("");
    save();
  });
  document.addEventListener("loggedout", () => kept.isSynced || deskSession.offerLogin());
  addEventListener("online", () => kept.isSynced || save());
  if ("typed" in form.dataset) onChange();
}

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
    form.requestSubmit(document.querySelector("button[value=save]"));
  }
});
