/** The key with which a cluster is asked. Configuration, histories and route tables have its variable's name only. */

/**
 * Whoever may define a service may name a variable and the place to which its value is sent: so only names that say that
 * they are meant for this are taken, and no other secret of the process can be drawn out that way.
 */
export const API_KEY_ENV_PATTERN = /^[A-Z_][A-Z0-9_]{0,119}_API_KEY$/;

/** The `Authorization` for a cluster; `null` when it has no key, or its variable is not set. */
export function clusterAuthorization(
  apiKeyEnv: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  if (apiKeyEnv === undefined || !API_KEY_ENV_PATTERN.test(apiKeyEnv)) return null;
  const key = env[apiKeyEnv]?.trim() ?? '';
  return key === '' ? null : `Bearer ${key}`;
}
