/** Seconds until a call to an authorization server or provider is given up; a refresh claim lasts longer. */
export const callTimeout = 8
