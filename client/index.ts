export { createAuthClient } from './auth-client.ts'
export type { AuthClient, AuthClientOptions, Credentials } from './auth-client.ts'
export { AuthError } from './auth-error.ts'
export type { AuthAction, ClientErrorCode } from './auth-error.ts'
export type {
  AuthChange,
  AuthListener,
  AuthState,
  DelayedChange,
  RefreshedChange,
  SignedIn,
  SignedInChange,
  SignedOut,
  SignedOutChange,
  Unknown
} from './auth-state.ts'
export type { Session } from '../schemas/auth.ts'
export type { User } from '../schemas/tokens.ts'
