// Undoes the last change by Ctrl+Z, and closes what tells of it.

const main = document.querySelector("main");

function show() {
  for (const button of document.querySelectorAll(".toast .close")) button.hidden = false;
}

main.addEventListener("click", (event) => {
  const toast = event.target.closest(".close") && event.target.closest(".toast");
  if (!toast) return;
  toast.remove();
});

addEventListener("keydown", (event) => {
  const isText = event.target.matches?.("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])");
  if (event.key !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey) || isText) return;
  const button = document.getElementById("undo");
  if (!button) return;
  event.preventDefault();
  button.form.requestSubmit(button);
});

main.addEventListener("shown", show);
show();
