import { DateTime, IANAZone, Settings } from 'luxon';

declare module 'luxon' {
  interface TSSettings {
    throwOnInvalid: true;
  }
}

Settings.throwOnInvalid = true;

/** Luxon as it is used here: an invalid value throws where it is made instead of travelling on as null. */
export { DateTime, IANAZone };
