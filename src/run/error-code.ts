/** The name that the system or Node gives an error: `EACCES`, `ECONNRESET`; null where it has none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : null;
}

/** The same, if it has none, of what caused the error; of several attempts, that of the first. */
export function rootErrorCode(error: unknown): string | null {
  const own = errorCode(error);
  if (own !== null || !(error instanceof Error)) return own;
  if (error instanceof AggregateError) return rootErrorCode(error.errors[0]);
  return error.cause === undefined ? null : rootErrorCode(error.cause);
}
