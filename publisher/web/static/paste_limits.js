// Refuses a text that a field has no room for: the browser would cut it off without a word.

const PUT_IN = ["insertFromPaste", "insertFromDrop"];

function tell(field, text) {
  let line = field.parentElement.querySelector(".paste-limit");
  if (!line && !text) return;
  if (!line) {
    line = document.createElement("span");
    line.className = "paste-limit hint";
    line.setAttribute("role", "status");
    field.after(line);
  }
  line.textContent = text;
}

document.addEventListener("beforeinput", (event) => {
  const field = event.target;
  if (!(field.maxLength >= 0)) return;
  tell(field, "");
  if (!PUT_IN.includes(event.inputType)) return;
  const given = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
  // A field of one line leaves line breaks out.
  const text = field.localName === "textarea" ? given.replaceAll("\r\n", "\n") : given.replace(/[\r\n]/g, "");
  const free = field.maxLength - field.value.length + ((field.selectionEnd ?? 0) - (field.selectionStart ?? 0));
  if (text.length <= free) return;
  event.preventDefault();
  tell(field, textOf("too_long_to_paste", { length: numberOf(text.length), free: numberOf(Math.max(0, free)) }));
});
