/** Foreign text in a message: quoted, control characters escaped, and short whatever was sent. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
