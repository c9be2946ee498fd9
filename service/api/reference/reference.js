/** Shows the OpenAPI document of this server in Swagger UI. */

// @ts-ignore: a global of swagger-ui-bundle.js, which is no module.
globalThis.SwaggerUIBundle({
  // From the page's own address, which may be below a prefix of a proxy.
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  showExtensions: true,
  // No badge: it would send the document's address to a validator elsewhere.
  validatorUrl: null,
});
