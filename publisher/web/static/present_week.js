// Opens the present month at this week where its days stand in a list, as on a phone.
const week = document.querySelector("[data-present-week]");
const [visit] = performance.getEntriesByType("navigation");

function showWeek() {
  if (getComputedStyle(week).gridTemplateColumns.split(" ").length > 1) return;
  const days = [...week.querySelectorAll(".day")].filter((day) => day.checkVisibility());
  const first = days.find((day) => day.dataset.day >= week.dataset.presentWeek);
  if (first !== days[0]) first?.scrollIntoView();
}

// Who comes back or reloads is where they were.
if (week && !location.hash && visit?.type === "navigate") showWeek();
