/**
 * What people see in a browser: whole pages from typed views, without script, each with the headers it is sent with.
 * A page is a pure function of its view: it reads no state, decides nothing and knows no route; forms post where
 * the caller says, with the hidden fields the caller gives.
 *
 * What never leaves: a value that was not escaped, and a text of another party that is not marked as what that
 * party says. A caller may assume that every string of a view is safe to hand in, except for paths (`action`, `…At`),
 * which are its own.
 * Content Security Policy Level 3; WCAG 2.2 AA.
 */
export { type AccountsView, type AccountView, accountsPage } from './accounts.ts'
export {
  type ConnectedView,
  connectedPage,
  connectPage,
  connectSecretPage,
  type ConnectSecretView,
  type ConnectView,
  type ServiceView,
} from './connect.ts'
export { consentPage, type ConsentView } from './consent.ts'
export { errorPage, handOverPage, type HandOverView, messagePage, type MessageView } from './message.ts'
export type { Page } from './page.ts'
export { devSignInPage, type DevSignInView, signInPage, type SignInView } from './sign-in.ts'
export { useAccountPage } from './use-account.ts'
export type { ClientView, FormView, ScopeView, ServerView } from './words.ts'
