import type { AuthClient } from 'latchkey/client'
import { useState, type SyntheticEvent } from 'react'
import { useSession } from './use-session.ts'

type Fields = Partial<Record<'email' | 'password', string>>

export function Account({ client }: { client: AuthClient }) {
  const session = useSession(client)
  const [problem, setProblem] = useState('')

  const logIn = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault()
    const { email = '', password = '' } = Object.fromEntries(new FormData(event.currentTarget)) as Fields
    client.login({ email, password }).then(
      () => {
        setProblem('')
      },
      (error: Error) => {
        setProblem(error.message)
      }
    )
  }

  // Not known yet is not signed out: a login form that flashes at every reload is this case forgotten.
  if (session.status === 'unknown') return <p>One moment</p>
  if (session.status === 'signed_in')
    return (
      <p>
        {session.user.email} <button onClick={() => void client.logout()}>Log out</button>
      </p>
    )
  return (
    <form onSubmit={logIn}>
      <input name="email" type="email" autoComplete="username" aria-label="Email" />
      <input name="password" type="password" autoComplete="current-password" aria-label="Password" />
      <button>Log in</button>
      <p role="alert">{problem}</p>
    </form>
  )
}
