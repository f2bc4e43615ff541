import { MEDIA_TYPES, type ExportFormat } from './formats.js';

/** What a handler answers. */
export type Reply = TextReply | StreamedReply;

interface ReplyHead {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A finished text, its status and its headers. */
export interface TextReply extends ReplyHead {
  readonly text: string;
}

/**
 * A text that is made while it is sent. The next chunk is asked for when the client has taken the one before; what holds
 * resources between two chunks gives them back in its `return`, which is called when the client is gone.
 */
export interface StreamedReply extends ReplyHead {
  readonly chunks: AsyncIterable<string>;
}

/** 200 with a JSON value. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): TextReply {
  return jsonText(JSON.stringify(value), headers);
}

/** 200 with JSON that is rendered already; it is passed on as it is. */
export function jsonText(text: string, headers: Readonly<Record<string, string>> = {}): TextReply {
  return { status: 200, contentType: MEDIA_TYPES.json, headers, text };
}

/** 201 with a JSON value. */
export function created(value: unknown): TextReply {
  return createdText(JSON.stringify(value));
}

/** 201 with JSON that is rendered already. */
export function createdText(text: string): TextReply {
  return { ...jsonText(text), status: 201 };
}

/** 204: it is done, and there is nothing to say. */
export function noContent(): TextReply {
  return { status: 204, contentType: MEDIA_TYPES.json, headers: {}, text: '' };
}

/**
 * 200 with lines, to be saved as a file.
 *
 * @param name of the file, without its ending: letters, digits, `-` and `_`
 * @throws RangeError when the name has other characters
 */
export function lines(
  chunks: AsyncIterable<string>,
  { format, name, headers }: { format: ExportFormat; name: string; headers: Readonly<Record<string, string>> },
): StreamedReply {
  if (!/^[\w-]+$/.test(name)) throw new RangeError(`${JSON.stringify(name)} is not fit to be the name of a file`);
  const disposition = { 'content-disposition': `attachment; filename="${name}.${format}"` };
  return { status: 200, contentType: MEDIA_TYPES[format], headers: { ...headers, ...disposition }, chunks };
}
