/** How much of an answer is kept before its caller gets any of it. */

/** Answers up to this size are kept until they are whole; embeddings of a large batch are some MiB. */
export const COLLECT_BYTES_MAX = 8 * 1024 * 1024;
/** Beginning of a stream that says nothing yet: roles, keep-alives, a line with the token ids of the prompt. */
export const HOLD_BYTES_MAX = 1024 * 1024;
/** Of an error's body only the beginning is of use. */
export const ERROR_BYTES_MAX = 64 * 1024;
