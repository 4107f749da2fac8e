// Disables the button of a slow act, so that it is asked for once.
for (const form of document.querySelectorAll('.acts form')) {
  form.addEventListener('submit', () => {
    const button = form.querySelector('button');
    button.setAttribute('aria-busy', 'true');
    // Only after the form is on its way.
    setTimeout(() => { button.disabled = true; button.textContent = form.dataset.busy || textOf('one_moment'); });
  });
}
// After a step back, the browser may show this page as it was left.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
