"use strict";
const viewer = document.getElementById("viewer");
fetch(viewer.dataset.document)
  .then((answer) => answer.json())
  .then((schema) => AsyncApiStandalone.render({ schema, config: { show: { sidebar: true } } }, viewer));
