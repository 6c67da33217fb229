"use strict";
const viewer = document.getElementById("viewer");
SwaggerUIBundle({
  url: viewer.dataset.document,
  domNode: viewer,
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // the default sends the document's address to a public validator
  persistAuthorization: false, // a key typed here is gone with the tab
});
