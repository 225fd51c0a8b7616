/**
 * A number in decimal notation only: no hex, no "NaN", no "Infinity", nothing before or behind it. Digits are looked at in one way only:
 * where two parts of the pattern could share them, a payload full of digits that is no number would hold everything up for seconds.
 */
export const DECIMAL_NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
