// Watches the log-in of the page's person. Where it ended, a dialog over the page asks for the password, so that what
// was typed stays where it is; where it is about to end, a message says so and offers to stay.
const meta = document.querySelector("meta[name=csrf]");
const me = Number(meta.dataset.person);
const CHECK_PAUSE = 60000;
const WARN_SECONDS = 600;
const TICKET_MS = 280000;
const JSON_ONLY = { accept: "application/json" };

let loggedOut = false;
let other = "";
let dialog = null;
let ticket = null;
let warning = null;
const waiting = [];

function takeKey(fresh) {
  meta.content = fresh;
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = fresh;
}

// Takes what the desk says about the log-in of this browser.
function take(state) {
  const wasLoggedOut = loggedOut;
  loggedOut = state.person !== me;
  other = loggedOut && state.person ? state.name : "";
  if (loggedOut) {
    warn(null);
    if (!wasLoggedOut) document.dispatchEvent(new CustomEvent("loggedout"));
    return;
  }
  if (state.key !== meta.content) takeKey(state.key);
  warn(state);
  if (wasLoggedOut || dialog?.open) goOn();
}

// Returns "in", "out" or "unreachable".
async function check() {
  try {
    const answer = await fetch(meta.dataset.session, { headers: JSON_ONLY, cache: "no-store" });
    if (!answer.ok) return "unreachable";
    take(await answer.json());
  } catch {
    return "unreachable";
  }
  return loggedOut ? "out" : "in";
}

// Sends something with the form key; once more with a new one, where the log-in was renewed in another tab.
async function send(url, { headers = {}, ...options } = {}) {
  const ask = () => fetch(url, { method: "POST", ...options, headers: { ...headers, "x-csrf-token": meta.content } });
  let answer = await ask();
  const fresh = answer.headers.get("x-csrf-token");
  if (answer.status === 403 && fresh) {
    takeKey(fresh);
    answer = await ask();
  } else if (answer.status === 401 || answer.status === 403) {
    if ((await check()) === "in" && answer.status === 401) answer = await ask();
  }
  return answer;
}

function part(name) {
  return dialog.querySelector(`[data-part=${name}]`);
}

function makeDialog() {
  if (dialog) return;
  document.body.append(document.getElementById("log-in-again").content.cloneNode(true));
  dialog = document.getElementById("log-in-dialog");
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    void logIn(event.target);
  });
  part("later").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => settle(false));
}

function askFor(code) {
  part("password").hidden = code;
  part("code").hidden = !code;
  part("password").querySelector("[name=password]").required = !code;
  part("code").querySelector("[name=code]").required = code;
}

function say(text) {
  part("refused").textContent = text;
  part("refused").hidden = !text;
}

// Asks for the password in a dialog that nothing else can be done before. Resolves with whether somebody logged in.
function requireLogin() {
  show(() => dialog.showModal());
  part(ticket ? "code" : "password").querySelector("input:not([readonly])").focus();
  return new Promise((resolve) => waiting.push(resolve));
}

// Shows the dialog beside the page, and leaves the focus where somebody types.
function offerLogin() {
  if (!dialog?.open) show(() => dialog.setAttribute("open", ""));
}

function show(open) {
  makeDialog();
  dialog.removeAttribute("open");
  askFor(Boolean(ticket));
  say(other && textOf("other_person", { name: other }));
  part("why").textContent = textOf(loggedOut ? "log_in_to_go_on" : "log_in_to_stay");
  open();
}

async function logIn(form) {
  const { email, password, code } = form.elements;
  const fields = ticket ? { ticket: ticket.text, code: code.value } : { email: email.value, password: password.value };
  const button = part("send");
  button.disabled = true;
  try {
    const address = ticket ? meta.dataset.code : meta.dataset.login;
    const answer = await fetch(address, { method: "POST", headers: JSON_ONLY, body: new URLSearchParams(fields) });
    const content = await answer.json().catch(() => ({}));
    if (content.ticket) beginCode(content.ticket);
    else if (answer.ok) takeLogin(content, password);
    else refuse(content.refused ?? textOf("log_in_failed"));
  } catch {
    say(textOf("log_in_unreachable"));
  } finally {
    button.disabled = false;
  }
}

function beginCode(text) {
  ticket = { text, from: Date.now() };
  askFor(true);
  say("");
  part("code").querySelector("input").focus();
}

function refuse(text) {
  // The desk takes a code for some minutes after the password only.
  if (ticket && Date.now() - ticket.from > TICKET_MS) ticket = null;
  askFor(Boolean(ticket));
  say(text);
  const field = part(ticket ? "code" : "password").querySelector("input:not([readonly])");
  field.value = "";
  field.focus();
}

function takeLogin(state, password) {
  ticket = null;
  password.value = "";
  take(state);
  if (loggedOut) say(textOf("other_person", { name: other }));
  else goOn();
}

function settle(result) {
  for (const resolve of waiting.splice(0)) resolve(result);
}

function goOn() {
  ticket = null;
  const isOpen = dialog?.open;
  settle(true);
  if (isOpen) dialog.close();
  document.dispatchEvent(new CustomEvent("loggedin"));
}

// Says that the log-in is about to end, or takes that back.
function warn(state) {
  if (!state || state.seconds_left > WARN_SECONDS) {
    warning?.remove();
    warning = null;
    return;
  }
  const text = textOf("session_ends", { count: Math.max(1, Math.ceil(state.seconds_left / 60)) });
  if (!warning) {
    warning = document.createElement("div");
    warning.className = "session-end flash note";
    warning.setAttribute("role", "alert");
    const button = document.createElement("button");
    button.className = "main";
    warning.append(document.createElement("span"), button);
    document.body.append(warning);
  }
  const [words, button] = warning.children;
  if (words.textContent !== text) words.textContent = text;
  button.textContent = textOf(state.is_extendable ? "stay_logged_in" : "log_in_again");
  button.onclick = () => (state.is_extendable ? void stay() : void requireLogin());
}

async function stay() {
  try {
    const answer = await send(meta.dataset.session, { headers: JSON_ONLY });
    if (answer.ok) take(await answer.json());
    else if (loggedOut) void requireLogin();
  } catch {
    // It is asked again in a minute, and the message stays until then.
  }
}

function checkInSight() {
  if (document.visibilityState === "visible") void check();
}

setInterval(checkInSight, CHECK_PAUSE);
addEventListener("focus", checkInSight);
addEventListener("online", checkInSight);
addEventListener("pageshow", (event) => event.persisted && checkInSight());
document.addEventListener("visibilitychange", checkInSight);

globalThis.deskSession = { check, send, requireLogin, offerLogin, isLoggedOut: () => loggedOut };
