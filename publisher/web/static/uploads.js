// Uploads dropped, pasted or chosen pictures one after the other, in pieces: a lost connection costs one piece.
// A stored picture sends the form an "uploaded" event with the part of the form that shows it.
const form = document.getElementById("post");
const pictures = document.getElementById("pictures");
const rows = document.getElementById("uploads");
const status = document.getElementById("pictures-status");
const MIN_PIECE = 256 * 1024;
const MAX_PIECE = 4 * 1024 * 1024;
const QUICK_MS = 1000;
const SLOW_MS = 5000;
const FIRST_PAUSE = 500;
const MAX_PAUSE = 15000;
const STORAGE_KEY = "publisher-uploads";
const UNREADABLE = textOf("not_taken");

const waiting = [];
let running = null;
let delayedSubmit = null;

class Refused extends Error {}
class Gone extends Error {}
class Busy extends Error {}
class LoggedOut extends Error {}

// A file that is being uploaded, with its row in the list.
class Row {
  constructor(file) {
    this.file = file;
    this.stopped = new AbortController();
    this.item = document.createElement("li");
    this.item.className = "upload";
    this.name = this.#part("span", "name", file.name || textOf("pasted"));
    this.bar = this.#part("progress", "bar", "");
    this.bar.max = Math.max(1, file.size);
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", textOf("progress", { name: file.name || textOf("pasted") }));
    this.state = this.#part("span", "quiet", textOf("waits"));
    this.button = this.#part("button", "", textOf("cancel"));
    this.button.type = "button";
    this.button.setAttribute("aria-label", file.name ? textOf("cancel_which", { name: file.name }) : textOf("cancel_pasted"));
    this.button.addEventListener("click", () => this.cancel());
    rows.append(this.item);
  }

  #part(kind, className, text) {
    const part = document.createElement(kind);
    part.className = className;
    part.textContent = text;
    this.item.append(part);
    return part;
  }

  // Recognises a file that is chosen again after the page was loaded again.
  get key() {
    return `${this.file.name}|${this.file.size}|${this.file.lastModified}`;
  }

  sent(bytes) {
    this.bar.value = bytes;
    this.state.textContent = bytes < this.file.size ? textOf("percent", { percent: Math.floor((100 * bytes) / this.file.size) }) : textOf("examined");
  }

  fail(sentence) {
    this.bar.remove();
    this.item.classList.add("failed");
    this.state.textContent = sentence;
    this.button.textContent = textOf("dismiss");
    this.button.setAttribute("aria-label", textOf("dismiss_which", { name: this.file.name }));
    showStatus(sentence);
  }

  cancel() {
    this.stopped.abort();
    const place = waiting.indexOf(this);
    if (place >= 0) waiting.splice(place, 1);
    this.item.remove();
    if (this.id && !this.stored) void post(`${pictures.dataset.begin}/${this.id}/forget`).catch(() => {});
    forget(this.key);
    pictures.querySelector("#files").focus();
    release();
  }
}

function showStatus(text) {
  status.textContent = text;
}

function post(url, body = undefined, signal = undefined) {
  return deskSession.send(url, { body, signal, headers: { accept: "application/json" } });
}

async function get(url, signal = undefined) {
  const answer = await fetch(url, { signal, headers: { accept: "application/json" } });
  if (answer.status === 401) await deskSession.check();
  return answer;
}

// Returns the answer of the desk, or throws: Refused when trying again is useless, Gone when the upload has to begin
// again, Busy when other pictures come first, LoggedOut when the person has to log in first.
async function readAnswer(request) {
  const answer = await request;
  const json = (answer.headers.get("content-type") ?? "").includes("json");
  const content = json ? await answer.json() : {};
  if (answer.ok || answer.status === 409) return content;
  if (deskSession.isLoggedOut()) throw new LoggedOut();
  if (answer.status === 404) throw new Gone();
  if (answer.status === 503 && answer.headers.has("retry-after")) throw new Busy();
  if (answer.status >= 500 && !content.error) throw new TypeError("the desk is not there");
  throw new Refused(content.error ?? UNREADABLE);
}

function storedUploads() {
  return JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}");
}

function remember(key, id) {
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ ...storedUploads(), [key]: id }));
}

function forget(key) {
  const all = storedUploads();
  delete all[key];
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(all));
}

async function findOrBegin(row) {
  const former = row.id ?? storedUploads()[row.key];
  if (former) {
    try {
      return await readAnswer(get(`${pictures.dataset.begin}/${former}`, row.stopped.signal));
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }
  const data = new FormData();
  data.set("name", row.file.name || textOf("pasted"));
  data.set("size", row.file.size);
  const upload = await readAnswer(post(pictures.dataset.begin, data, row.stopped.signal));
  remember(row.key, upload.id);
  return upload;
}

// Sends the missing pieces. The last answer has the picture's hash; an empty piece asks for it again.
async function sendPieces(row) {
  let upload = await findOrBegin(row);
  let piece = MIN_PIECE;
  row.id = upload.id;
  row.sent(upload.received);
  while (!upload.sha256) {
    const from = upload.received;
    const before = performance.now();
    const body = row.file.slice(from, Math.min(from + piece, row.file.size));
    upload = { ...upload, ...(await readAnswer(post(`${pictures.dataset.begin}/${row.id}/${from}`, body, row.stopped.signal))) };
    const elapsed = performance.now() - before;
    if (elapsed < QUICK_MS) piece = Math.min(MAX_PIECE, piece * 2);
    if (elapsed > SLOW_MS) piece = Math.max(MIN_PIECE, piece / 2);
    row.sent(upload.received);
    row.pause = FIRST_PAUSE;
  }
  row.stored = true;
  return upload;
}

async function fetchForm(sha256, row) {
  const number = 1 + Math.max(-1, ...[...form.querySelectorAll(".picture")].map((picture) => Number(picture.dataset.number)));
  const query = new URLSearchParams({ number, languages: pictures.dataset.languages });
  const answer = await get(`${pictures.dataset.form.replace("0".repeat(64), sha256)}?${query}`, row.stopped.signal);
  if (deskSession.isLoggedOut()) throw new LoggedOut();
  if (!answer.ok) throw new Refused(UNREADABLE);
  return answer.text();
}

async function upload(row) {
  row.pause = FIRST_PAUSE;
  for (;;) {
    try {
      const { sha256 } = await sendPieces(row);
      const html = await fetchForm(sha256, row);
      forget(row.key);
      row.item.remove();
      form.dispatchEvent(new CustomEvent("uploaded", { detail: { html, sha256, name: row.file.name } }));
      return;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Refused) {
        forget(row.key);
        row.fail(error.message);
        return;
      }
      if (error instanceof Gone) {
        forget(row.key);
        delete row.id;
      } else if (error instanceof LoggedOut) {
        row.state.textContent = textOf("upload_logged_out");
        deskSession.offerLogin();
      } else if (error instanceof Busy) {
        row.state.textContent = textOf("busy");
      } else {
        row.state.textContent = textOf("connection_lost");
      }
      await pause(row);
    }
  }
}

// Waits until it is time to try again, or the browser is online again.
async function pause(row) {
  const over = new AbortController();
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, row.pause);
    addEventListener("online", resolve, { once: true, signal: over.signal });
    document.addEventListener("loggedin", resolve, { once: true, signal: over.signal });
    row.stopped.signal.addEventListener("abort", resolve, { once: true, signal: over.signal });
    over.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  over.abort();
  row.pause = Math.min(MAX_PAUSE, row.pause * 2);
}

async function work() {
  while (waiting.length > 0) {
    const row = waiting.shift();
    running = row;
    await upload(row);
    running = null;
  }
  release();
}

function take(files) {
  for (const file of files) waiting.push(new Row(file));
  showStatus(files.length === 1 ? textOf("one_on_its_way", { name: files[0].name || textOf("a_picture") }) : textOf("on_their_way", { count: files.length }));
  if (!running) void work();
}

function busy() {
  return waiting.length > 0 || (running !== null && !running.stopped.signal.aborted);
}

// Delays saving until the pictures are uploaded.
form.addEventListener("submit", (event) => {
  if (!busy()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  delayedSubmit = { submitter: event.submitter };
  document.getElementById("saved").textContent = textOf("saved_later");
});

function release() {
  if (!delayedSubmit || busy()) return;
  const { submitter } = delayedSubmit;
  delayedSubmit = null;
  if (rows.querySelector(".failed")) {
    document.getElementById("saved").textContent = textOf("not_saved");
    return;
  }
  form.requestSubmit(submitter);
}

addEventListener("beforeunload", (event) => {
  if (busy()) event.preventDefault();
});

function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

function watch() {
  const chooser = pictures.querySelector("#files");
  for (const hint of pictures.querySelectorAll(".without-scripts")) hint.remove();
  for (const hint of pictures.querySelectorAll(".with-scripts")) hint.hidden = false;
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    // Otherwise they would be sent again with the form.
    chooser.value = "";
    if (files.length > 0) take(files);
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("dropping");
  });
  form.addEventListener("drop", (event) => {
    form.classList.remove("dropping");
    const files = filesOf(event.dataTransfer);
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData);
    // A copied text brings a picture of itself.
    if (files.length === 0 || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    take(files);
  });
  void listUnfinished();
}

// Lists unfinished uploads after the page was loaded again: they go on when the same file is chosen.
async function listUnfinished() {
  for (const [key, id] of Object.entries(storedUploads())) {
    const answer = await fetch(`${pictures.dataset.begin}/${id}`).catch(() => null);
    if (!answer) return;
    if (!answer.ok) {
      forget(key);
      continue;
    }
    const upload = await answer.json();
    const [name] = key.split("|");
    const item = document.createElement("li");
    item.className = "upload unfinished";
    item.textContent = textOf("unfinished", { name, percent: Math.floor((100 * upload.received) / upload.size) });
    rows.append(item);
    form.addEventListener("uploaded", () => key in storedUploads() || item.remove());
  }
}

if (rows) watch();
