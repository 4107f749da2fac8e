// Shows beside each picture of the form which part of it every channel shows, whenever the previews are made anew.
const previews = document.getElementById("previews");

function show() {
  for (const fresh of previews.querySelectorAll("[data-shown-of]")) {
    const place = document.querySelector(`.picture[data-number="${fresh.dataset.shownOf}"] .shown`);
    if (place && place.innerHTML !== fresh.innerHTML) place.innerHTML = fresh.innerHTML;
  }
}

// A draft that was just stored does not repeat itself.
const form = document.getElementById("post");
form.addEventListener("created", ({ detail }) => (form.dataset.preview = `${form.dataset.preview.split("?")[0]}?post=${detail.id}`));

new MutationObserver(show).observe(previews, { childList: true });
show();
