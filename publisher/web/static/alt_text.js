// Saves the alt text by the keyboard.
const form = document.getElementById("describe");

addEventListener("keydown", (event) => {
  if (form && (event.ctrlKey || event.metaKey) && ["Enter", "s"].includes(event.key)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
