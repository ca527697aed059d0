/** Not in TypeScript's library yet (https://tc39.es/proposal-json-parse-with-source). */
interface JSON {
  /** What `stringify` writes as it is: the JSON text of a primitive. */
  rawJSON(text: string): { readonly rawJSON: string }
}
