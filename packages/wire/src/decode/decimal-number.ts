/** A number in decimal notation only: no hex, no "NaN", no "Infinity", nothing before or behind it. */
export const DECIMAL_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
