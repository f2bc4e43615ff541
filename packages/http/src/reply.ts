/** What a handler answers: a finished text, its status and its headers. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** 200 with a JSON value. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return jsonText(JSON.stringify(value), headers);
}

/** 200 with JSON that is rendered already; it is passed on as it is. */
export function jsonText(text: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, contentType: 'application/json', headers, text };
}
