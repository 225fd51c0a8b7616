/** Why central does not answer now, and what became of what was asked: for whoever asks to come again. */
export class NotReady extends Error {}
