/**
 * Stands for "no organisation" where an owner could not be established: quarantine rows and counts of deliveries that
 * named nobody we know. Only a scope that contains it reads them.
 */
export const NO_ORGANISATION = '00000000-0000-0000-0000-000000000000';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * What `app.orgs` is set to in a transaction that is limited to some organisations' rows.
 *
 * @throws RangeError when an id is not a UUID
 */
export function scopeOf(organisations: readonly string[]): string {
  const stranger = organisations.find((id) => !UUID.test(id));
  if (stranger !== undefined) throw new RangeError(`${JSON.stringify(stranger)} is not the id of an organisation`);
  return `{${organisations.join(',')}}`;
}
