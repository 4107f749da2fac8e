// The post's form: a preview that follows the typing, unfinished text kept, problems that lead to their field.
const form = document.getElementById("post");
const looks = document.getElementById("looks");
const told = document.getElementById("saved");
const csrf = document.querySelector("meta[name=csrf]").content;
const PREVIEW_PAUSE = 250;
const SAVE_PAUSE = 1500;

let asking = null;
let previewTimer = 0;
let saveTimer = 0;
let changed = false;
let creating = false;

function fields() {
  const data = new FormData(form);
  for (const [name, value] of [...data.entries()]) {
    if (value instanceof File) data.delete(name);
  }
  return data;
}

async function send(url, options = {}) {
  return fetch(url, { method: "POST", body: fields(), headers: { "x-csrf-token": csrf, ...options.headers }, signal: options.signal });
}

async function preview() {
  asking?.abort();
  asking = new AbortController();
  looks.setAttribute("aria-busy", "true");
  try {
    const answer = await send(form.dataset.preview, { signal: asking.signal });
    if (answer.ok || answer.status === 422) {
      const open = new Set([...looks.querySelectorAll("details[open]")].map(whose));
      const scrolled = looks.scrollTop;
      looks.innerHTML = await answer.text();
      for (const each of looks.querySelectorAll("details")) each.open = open.has(whose(each));
      looks.scrollTop = scrolled;
    }
  } catch (error) {
    if (error.name !== "AbortError") say("The preview could not be reached; what you type is kept here.");
  } finally {
    looks.removeAttribute("aria-busy");
  }
}

function whose(details) {
  return `${details.closest("[data-channel]")?.dataset.channel} ${details.firstElementChild?.textContent}`;
}

function say(text) {
  if (told) told.textContent = text;
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
  creating = true;
  const answer = await send(form.dataset.create, { headers: { accept: "application/json" } });
  creating = false;
  if (!answer.ok || !(answer.headers.get("content-type") ?? "").includes("json")) return;
  const made = await answer.json();
  form.action = made.url;
  form.dataset.autosave = `${made.url}/autosave`;
  form.elements.version.value = made.version;
  history.replaceState(null, "", made.url);
  say("Kept as a draft.");
  form.dispatchEvent(new CustomEvent("created", { detail: made }));
}

async function autosave() {
  const answer = await send(form.dataset.autosave);
  if (!answer.ok) return;
  const kept = await answer.json();
  say(kept.changed_by ? `Kept at ${kept.at}. ${kept.changed_by} has saved this post meanwhile: you will see both texts when you save.` : `Kept at ${kept.at}, not saved yet.`);
}

function onChange() {
  changed = true;
  clearTimeout(previewTimer);
  clearTimeout(saveTimer);
  previewTimer = setTimeout(preview, PREVIEW_PAUSE);
  saveTimer = setTimeout(keep, SAVE_PAUSE);
}

form.addEventListener("input", onChange);
form.addEventListener("change", onChange);
form.addEventListener("submit", () => {
  clearTimeout(saveTimer);
  changed = false;
});
addEventListener("pagehide", () => {
  if (changed && form.dataset.autosave) {
    const data = fields();
    navigator.sendBeacon(form.dataset.autosave, data);
  }
});

// A problem opens whatever hides its field, and puts the cursor there.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const wanted = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!wanted || !form.contains(wanted)) return;
  event.preventDefault();
  for (let around = wanted.parentElement; around && around !== form; around = around.parentElement) {
    if (around instanceof HTMLDetailsElement) around.open = true;
  }
  const field = wanted.matches("input, textarea, select") ? wanted : wanted.querySelector("textarea, input:not([type=hidden]), select");
  (field ?? wanted).focus();
  wanted.scrollIntoView({ block: "center" });
});

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[value=save]"));
  }
});
