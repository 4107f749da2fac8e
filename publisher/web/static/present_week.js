// Opens the present month at what a person looks for: this week where days stand in a list, today where they do not.
const week = document.querySelector("[data-present-week]");
const [visit] = performance.getEntriesByType("navigation");

function show() {
  const days = [...week.querySelectorAll(".day")].filter((day) => day.checkVisibility());
  const isList = getComputedStyle(week).gridTemplateColumns.split(" ").length === 1;
  const target = isList ? days.find((day) => day.dataset.day >= week.dataset.presentWeek) : week.querySelector("#today");
  if (target !== days[0]) target?.scrollIntoView({ block: isList ? "start" : "nearest" });
}

// Who comes back or reloads is where they were.
if (week && !location.hash && visit?.type === "navigate") show();
