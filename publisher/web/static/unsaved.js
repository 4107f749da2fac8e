// Keeps what is typed into forms in this browser, for each person and each opened form, until the desk has taken it.
// What belongs to a post is handed to the desk as soon as it can be reached, from whatever page is open then.
const meta = document.querySelector("meta[name=csrf]");
const PREFIX = `publisher-unsaved ${meta.dataset.person} `;
const SENT_COOKIE = "publisher_sent_";
const WRITE_PAUSE = 100;
const LIVE_MS = 10000;
const MAX_AGE = 60 * 86400000;
const NOT_KEPT = ["csrf", "tab", "typed_at"];
const TEXT_TYPES = ["text", "email", "url", "tel", "search", "number", "date", "datetime-local", "time", "color"];

const own = new Set();
let syncTimer = 0;

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

// Returns what is kept for this person, the newest first.
function records() {
  let names = [];
  try {
    names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    // The browser lets no page keep anything.
  }
  const found = names.map((name) => ({ ...read(name), tab: name.slice(PREFIX.length) })).filter((record) => record.entries);
  return found.sort((one, another) => another.typedAt - one.typedAt);
}

function write(tab, record) {
  try {
    localStorage.setItem(PREFIX + tab, JSON.stringify(record));
    return true;
  } catch {
    return false;
  }
}

function forget(tab) {
  try {
    localStorage.removeItem(PREFIX + tab);
  } catch {
    // Nothing is kept where nothing can be.
  }
}

function newName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isSecret(field) {
  return field.type === "password" || field.autocomplete === "one-time-code";
}

// Returns the texts of a form as pairs, without files, secrets and what belongs to the opened page.
function entriesOf(form) {
  const secrets = [...form.elements].filter(isSecret).map((field) => field.name);
  const left = [...NOT_KEPT, ...secrets];
  return [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !left.includes(name));
}

function hiddenField(form, name, value) {
  const field = form.elements.namedItem(name) ?? document.createElement("input");
  if (!field.form) {
    field.type = "hidden";
    field.name = name;
    form.append(field);
  }
  field.value = value;
  return field;
}

// What is typed into one opened form. `about`: returns what the desk needs to take it.
class KeptForm {
  constructor(form, name, about = () => ({})) {
    this.form = form;
    this.name = name;
    this.about = about;
    this.tab = form.elements.namedItem("tab")?.value || newName();
    hiddenField(form, "tab", this.tab);
    this.moment = hiddenField(form, "typed_at", form.elements.namedItem("typed_at")?.value || "0");
    this.typedAt = Number(this.moment.value);
    this.syncedAt = this.typedAt;
    this.first = JSON.stringify(entriesOf(form));
    this.isStored = true;
    this.timer = 0;
    own.add(this.tab);
  }

  get isPristine() {
    return JSON.stringify(entriesOf(this.form)) === this.first;
  }

  get isSynced() {
    return this.syncedAt >= this.typedAt;
  }

  typed() {
    this.typedAt = Math.max(Date.now(), this.typedAt + 1);
    this.moment.value = this.typedAt;
    this.timer ||= setTimeout(() => this.write(), WRITE_PAUSE);
  }

  write(more = {}) {
    clearTimeout(this.timer);
    this.timer = 0;
    const page = location.pathname + location.search;
    const record = { form: this.name, page, entries: entriesOf(this.form), typedAt: this.typedAt, ...this.about(), ...more };
    this.isStored = write(this.tab, record);
  }

  // The desk has what was typed until this moment.
  synced(typedAt) {
    this.syncedAt = Math.max(this.syncedAt, typedAt);
    if (!this.isSynced) return;
    clearTimeout(this.timer);
    this.timer = 0;
    forget(this.tab);
  }
}

// The buttons of a post's form stand in a bar of their own, which stays in sight.
function placeOfMessage(form) {
  return (form.id === "post" && document.getElementById("editor-bar")) || form;
}

function message(form, text) {
  let line = placeOfMessage(form).querySelector(".form-message");
  if (!line) {
    line = document.createElement("p");
    line.className = "form-message flash bad";
    line.setAttribute("role", "alert");
    placeOfMessage(form).append(line);
  }
  line.textContent = text;
  line.hidden = !text;
}

// Decides whether a form can be sent now: it is not too long, the desk is there, and its person is logged in.
async function isReady(form) {
  const length = entriesOf(form).reduce((sum, [, value]) => sum + value.length, 0);
  const limit = Number(meta.dataset.limit);
  message(form, length > limit ? textOf("too_long_to_send", { count: numberOf(length - limit) }) : "");
  if (length > limit) return false;
  const state = await deskSession.check();
  if (state === "out") return deskSession.requireLogin();
  if (state === "unreachable") message(form, textOf("unreachable"));
  return state === "in";
}

// Sends a form only when the desk takes it. `before`: what has to end first.
function sendWhenReady(form, before = async () => {}) {
  let passed = false;
  let asking = false;
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || passed) return;
    event.preventDefault();
    if (asking) return;
    asking = true;
    const { submitter } = event;
    const pass = async () => {
      await before();
      if (!(await isReady(form))) return;
      passed = true;
      form.requestSubmit(submitter);
      passed = false;
    };
    void pass().finally(() => (asking = false));
  });
}

function isKept(form) {
  if (form.method !== "post" || form.id === "post" || "unkept" in form.dataset || !form.elements.namedItem("csrf")) return false;
  const fields = [...form.elements].filter((field) => field.name && !isSecret(field) && field.type !== "hidden" && field.type !== "file");
  const names = new Set(fields.filter((field) => field.localName !== "button" && field.localName !== "fieldset").map((field) => field.name));
  const hasText = fields.some((field) => field.localName === "textarea" || TEXT_TYPES.includes(field.type));
  return hasText && (names.size > 1 || form.querySelector("textarea") !== null);
}

function nameOf(form) {
  const same = [...document.forms].filter((other) => other.action === form.action);
  return `${new URL(form.action).pathname} ${same.indexOf(form)}`;
}

// Writes kept texts into the fields of a form.
function putBack(form, entries) {
  const values = Map.groupBy ? Map.groupBy(entries, ([name]) => name) : group(entries);
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || field.type === "submit" || field.type === "file" || isSecret(field)) continue;
    const own = (values.get(field.name) ?? []).map(([, value]) => value);
    if (field.type === "checkbox" || field.type === "radio") field.checked = own.includes(field.value);
    else if (field.localName === "select") for (const option of field.options) option.selected = own.includes(option.value);
    else if (own.length > 0) field.value = own[0];
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function group(entries) {
  const groups = new Map();
  for (const entry of entries) groups.set(entry[0], [...(groups.get(entry[0]) ?? []), entry]);
  return groups;
}

function button(text, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}

// Returns what a person can see of entries of a form: a page that shows a refused text again may have a new version.
function visibleEntries(form, entries) {
  const hidden = new Set([...form.elements].filter((field) => field.type === "hidden").map((field) => field.name));
  return JSON.stringify(entries.filter(([name]) => !hidden.has(name)));
}

// Offers what was typed into this form before and never arrived.
function offer(form, kept) {
  const [newest, ...older] = records().filter((record) => record.form === kept.name && !own.has(record.tab));
  for (const record of older) forget(record.tab);
  if (!newest) return;
  if (visibleEntries(form, newest.entries) === visibleEntries(form, entriesOf(form))) return forget(newest.tab);
  const line = document.createElement("div");
  line.className = "flash note row spread unsent";
  line.setAttribute("role", "status");
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(newest.typedAt);
  const words = document.createElement("span");
  words.textContent = textOf("not_sent", { at: time });
  const buttons = document.createElement("span");
  buttons.className = "row";
  const back = () => {
    line.remove();
    putBack(form, newest.entries);
    kept.write();
    forget(newest.tab);
  };
  const drop = () => {
    line.remove();
    forget(newest.tab);
  };
  buttons.append(button(textOf("put_back"), back), button(textOf("forget_it"), drop));
  line.append(words, buttons);
  form.prepend(line);
  for (let around = form.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
}

function keepForm(form) {
  const kept = new KeptForm(form, nameOf(form));
  form.addEventListener("input", () => kept.typed());
  form.addEventListener("change", () => kept.typed());
  sendWhenReady(form);
  form.addEventListener("submit", (event) => event.defaultPrevented || kept.write());
  addEventListener("pagehide", () => kept.timer && kept.write());
  document.addEventListener("loggedout", () => kept.isPristine || deskSession.offerLogin());
  offer(form, kept);
}

// Forgets what the desk took: it set a cookie with the name of the form.
function forgetTaken() {
  for (const name of document.cookie.split("; ").map((part) => part.split("=")[0])) {
    if (!name.startsWith(SENT_COOKIE)) continue;
    forget(name.slice(SENT_COOKIE.length));
    document.cookie = `${name}=; Max-Age=0; Path=${meta.dataset.path}; SameSite=Lax`;
  }
}

function formData(record) {
  const data = new FormData();
  for (const [name, value] of record.entries) data.append(name, value);
  data.set("tab", record.tab);
  data.set("typed_at", record.typedAt);
  return data;
}

// Hands over what belongs to posts and is in this browser alone.
async function sync() {
  for (const record of records()) {
    const age = Date.now() - record.typedAt;
    if (age > MAX_AGE) forget(record.tab);
    if (!record.post || own.has(record.tab)) continue;
    if (record.closed || age > LIVE_MS) await handOver(record);
    else syncLater(LIVE_MS - age + 1);
  }
}

function syncLater(pause) {
  clearTimeout(syncTimer);
  syncTimer = setTimeout(() => void sync().catch(() => {}), pause);
}

async function handOver(record) {
  const body = formData(record);
  let { address } = record.post;
  if (!address) {
    const answer = await deskSession.send(record.post.create, { body, headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const created = await answer.json();
    address = created.url;
    body.set("version", created.version);
  }
  const answer = await deskSession.send(`${address}/autosave`, { body, headers: { accept: "application/json" } });
  if (!answer.ok) return;
  if (read(PREFIX + record.tab)?.typedAt === record.typedAt) forget(record.tab);
  document.dispatchEvent(new CustomEvent("handedover", { detail: { address, tab: record.tab } }));
  if (document.getElementById("post")?.dataset.address !== address) tell(address, record.tab);
}

function tell(address, tab) {
  const line = document.createElement("p");
  line.className = "flash note";
  line.setAttribute("role", "status");
  const link = document.createElement("a");
  link.href = `${address}?unsaved=${tab}`;
  link.textContent = textOf("go_on_with_it");
  line.append(textOf("text_found"), " ", link);
  document.getElementById("main").prepend(line);
}

// A page that says why something was refused leads back to what was typed.
function leadBack() {
  const place = document.getElementById("typed-before");
  if (!place || !document.referrer.startsWith(`${location.origin}/`)) return;
  const path = document.referrer.slice(location.origin.length);
  if (!records().some((record) => record.page === path)) return;
  place.querySelector("a").href = document.referrer;
  place.hidden = false;
}

forgetTaken();
leadBack();
for (const form of document.forms) if (isKept(form)) keepForm(form);
addEventListener("load", () => syncLater(0));
addEventListener("online", () => syncLater(0));
document.addEventListener("loggedin", () => syncLater(0));

globalThis.deskUnsaved = { KeptForm, sendWhenReady, isRecord: (name) => name?.startsWith(PREFIX) ?? false };
