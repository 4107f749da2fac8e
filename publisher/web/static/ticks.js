// Ticks posts of the queue: all, or all between two, by mouse and by keyboard. The tools appear by the style sheet.

const main = document.querySelector("main");
const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
let anchor = null; // the box that was ticked or unticked last

const boxes = () => [...main.querySelectorAll(".tick")];

function count() {
  const tools = main.querySelector("#ticked");
  if (!tools) return;
  const ticked = boxes().filter((box) => box.checked).length;
  const all = main.querySelector("#all");
  all.closest("p").hidden = false;
  all.checked = ticked > 0 && ticked === boxes().length;
  all.indeterminate = ticked > 0 && !all.checked;
  main.querySelector("#none").hidden = false;
  main.querySelector("#count").textContent = textOf("ticked", { count: ticked });
  reserveRoom();
}

// What the tools cover is kept free below the page, and below the toast.
function reserveRoom() {
  const tools = main.querySelector("#ticked");
  const covered = tools && getComputedStyle(tools).position === "fixed" ? tools.offsetHeight : 0;
  document.documentElement.style.setProperty("--tools-height", `${covered}px`);
}

function tickAll(checked) {
  for (const box of boxes()) box.checked = checked;
  count();
}

// Gives all boxes between the last one and this one the state of this one.
function tickRange(box) {
  const all = boxes();
  const from = all.indexOf(anchor);
  const to = all.indexOf(box);
  if (from >= 0) for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
}

let withShift = false;
main.addEventListener("click", (event) => {
  if (event.target.id === "none") {
    tickAll(false);
    (anchor ?? main.querySelector("#all")).focus();
  }
  if (event.target.matches(".tick")) withShift = event.shiftKey;
});

// The space bar makes a click without Shift in some browsers.
let shiftIsDown = false;
for (const name of ["keydown", "keyup"]) addEventListener(name, (event) => (shiftIsDown = event.shiftKey), true);

main.addEventListener("change", (event) => {
  const box = event.target;
  if (box.id === "all") tickAll(box.checked);
  if (!box.matches(".tick")) return;
  if (withShift || shiftIsDown) tickRange(box);
  withShift = false;
  anchor = box;
  count();
});

main.addEventListener("keydown", (event) => {
  const tools = event.target.closest("#ticked");
  if (tools && event.key === "Escape") anchor?.focus();
  const box = event.target.closest(".tick");
  if (!box) return;
  if (event.key in STEPS) {
    event.preventDefault();
    goTo(box, STEPS[event.key], event.shiftKey);
  } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    tickAll(true);
  } else if (event.key === "Escape") {
    tickAll(false);
  } else if (event.key === "Enter") {
    event.preventDefault();
    anchor = box;
    main.querySelector("#ticked :is(button, input):not(:disabled, [type=hidden], .plain)").focus();
  }
});

function goTo(box, places, ticking) {
  const all = boxes();
  const at = all.indexOf(box);
  const next = all[Math.min(all.length - 1, Math.max(0, at + places))];
  if (ticking) {
    anchor = box;
    next.checked = box.checked;
    tickRange(next);
    count();
  }
  next.focus();
}

main.addEventListener("shown", () => {
  anchor = null;
  count();
});
addEventListener("resize", reserveRoom);
addEventListener("pageshow", count); // The browser may tick boxes again on the way back.
count();
