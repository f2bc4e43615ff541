import { PARTNER_CHANNELS, type PartnerChannel } from './channels.js';
import { partnerSchemas, queueOf, schemaName } from './document.js';

/**
 * The document for people, as the body of an HTML page: static, without a script, and with nothing from elsewhere.
 */
export function partnerAsyncApiPage(): string {
  const schemas = Object.entries(partnerSchemas()).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return [
    '<h1>Quarterhour for partners: messages over AMQP</h1>',
    '<p>VCP 1.1 envelopes on the topic exchange <code>vcp</code>, in a virtual host of the API key’s own. ',
    'The same for machines: <a href="/docs/asyncapi.json">AsyncAPI 3.0</a>.</p>',
    '<h2>What a partner publishes</h2>',
    ...PARTNER_CHANNELS.filter(({ direction }) => direction === 'in').map(section),
    '<h2>What a partner reads</h2>',
    ...PARTNER_CHANNELS.filter(({ direction }) => direction === 'out').map(section),
    '<h2>Schemas</h2>',
    ...schemas.map(
      ([name, schema]) =>
        `<h3 id="${escaped(name)}">${escaped(name)}</h3>\n<pre>${linked(JSON.stringify(schema, null, 2))}</pre>`,
    ),
  ].join('\n');
}

function section(channel: PartnerChannel): string {
  const { name, keys, title, description, direction, signature, payloadOf } = channel;
  const schema = schemaName(name);
  const rows = [
    ['routing key', keys.map((key) => `<code>${escaped(key)}</code>`).join(', ')],
    ...(direction === 'out' ? [['queue', `<code>${escaped(queueOf(channel))}</code>`]] : [['signature', signature]]),
    ['payload', payloadOf === 'VCP 1.1' ? 'as VCP 1.1 has it' : 'ours: VCP 1.1 leaves it open'],
    ['schema', `<a href="#${schema}">${schema}</a>`],
  ];
  return [
    `<h3>${escaped(title)}</h3>`,
    `<p>${escaped(description)}</p>`,
    `<table>${rows.map(([label = '', value = '']) => `<tr><th>${label}</th><td>${value}</td></tr>`).join('')}</table>`,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** References lead to the schema that they name. */
function linked(json: string): string {
  return escaped(json).replace(/#\/components\/schemas\/(\w+)/g, '<a href="#$1">$&</a>');
}
