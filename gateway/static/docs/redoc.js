"use strict";
const viewer = document.getElementById("viewer");
Redoc.init(
  viewer.dataset.document,
  { sortRequiredPropsFirst: true, scrollYOffset: "nav[aria-label=Documentation]" },
  viewer,
);
