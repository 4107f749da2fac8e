// Shows one channel's preview at a time, behind tabs, and repeats in the bar what the verdict says.
const previews = document.getElementById("previews");
const bar = document.getElementById("preview-tabs");
const blocking = document.getElementById("blocking");
const STORAGE_KEY = "publisher-preview-channel";
const ALL = "";
let shown = sessionStorage.getItem(STORAGE_KEY);

function sections() {
  return [...previews.querySelectorAll(".preview")];
}

// Without a choice the first channel is shown; a channel that is not there any more is no choice.
function chosen() {
  const names = sections().map((section) => section.dataset.channel);
  return shown === ALL || names.includes(shown) ? shown : names[0];
}

function makeTab(name, label, isBlocked) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.dataset.channel = name;
  tab.setAttribute("aria-pressed", String(name === chosen()));
  tab.textContent = label;
  if (isBlocked) {
    tab.classList.add("blocked");
    const sign = document.createElement("span");
    sign.className = "visually-hidden";
    sign.textContent = `, ${textOf("has_problem")}`;
    tab.append(sign);
  }
  return tab;
}

function draw() {
  const all = sections();
  for (const section of all) section.hidden = chosen() !== ALL && section.dataset.channel !== chosen();
  previews.classList.toggle("all", chosen() === ALL);
  bar.hidden = all.length < 2;
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", textOf("channels"));
  const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.channel : null;
  const tabs = all.map((section) => makeTab(section.dataset.channel, section.querySelector("h2").textContent.trim(), "blocked" in section.dataset));
  bar.replaceChildren(...tabs, makeTab(ALL, bar.dataset.all, false));
  if (focused !== null) bar.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  repeatVerdict();
}

function repeatVerdict() {
  const verdict = previews.querySelector("#verdict");
  if (!blocking || !verdict) return;
  blocking.textContent = verdict.dataset.short;
  blocking.hidden = !verdict.dataset.short;
  blocking.classList.toggle("none", !("blocked" in verdict.dataset));
}

function choose(name) {
  shown = name;
  sessionStorage.setItem(STORAGE_KEY, name);
  draw();
}

bar.addEventListener("click", (event) => {
  const tab = event.target.closest("button");
  if (tab) choose(tab.dataset.channel);
});
new MutationObserver(draw).observe(previews, { childList: true });
draw();
