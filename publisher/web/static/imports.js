// Shows how far an import is while it runs. Without scripts, people load the page again.

const PAUSE = 2000;
const job = document.getElementById("job");

async function refresh() {
  if (!job || job.querySelector("[data-running]") === null) return;
  try {
    const answer = await fetch(job.dataset.part, { headers: { accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const part = new DOMParser().parseFromString(await answer.text(), "text/html");
      // The finished import has a list, and the page's own buttons.
      if (part.querySelector("[data-running]") === null) return location.reload();
      job.replaceChildren(...part.body.childNodes);
    }
  } catch {
    // The desk can't be reached now; the next try may work.
  }
  setTimeout(refresh, PAUSE);
}

setTimeout(refresh, PAUSE);
