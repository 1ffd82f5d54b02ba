// What the link of a mail is for, done once somebody presses the button. The token is in the fragment of the URL, which
// no server gets, and leaves this page in the body of one request.

const purposes = {
  verify_email: {
    url: './verify-email',
    title: 'Confirm your email address',
    text: 'Is this address yours?',
    button: 'Confirm the address',
    done: 'Your address is confirmed'
  },
  email_change: {
    url: './email/confirm',
    title: 'Confirm your new email address',
    text: 'Your account will have this address. Every other session ends.',
    button: 'Use this address',
    done: 'Your address was changed'
  },
  password_reset: {
    url: './password/reset',
    title: 'Choose a new password',
    text: 'Every device is logged out.',
    button: 'Change the password',
    done: 'Your password was changed',
    then: 'Log in with it.',
    password: {
      name: 'new_password',
      label: 'New password',
      hint: 'A few words, the longer the better.',
      autocomplete: 'new-password'
    }
  },
  signup: {
    url: './signup/confirm',
    title: 'Finish signing up',
    text: 'Enter the password that you chose when you signed up.',
    button: 'Make the account',
    done: 'Welcome',
    then: 'Your account is there, and you are logged in.',
    password: { name: 'password', label: 'Password', hint: '', autocomplete: 'current-password' }
  }
}

const byId = (id) => document.getElementById(id)
const form = byId('form')
const password = byId('password')
const problem = byId('problem')
const submit = byId('submit')

const parameters = new URLSearchParams(location.hash.slice(1))
const token = parameters.get('token')
const name = parameters.get('purpose')
const purpose = Object.hasOwn(purposes, name) ? purposes[name] : undefined
// Not in the history of the browser, nor on the screen.
history.replaceState(null, '', location.pathname)

function showResult(title, text = '') {
  form.hidden = true
  byId('result').hidden = false
  byId('result-title').textContent = document.title = title
  byId('result-text').textContent = text
  byId('result-title').focus()
}

/** What the server says of a refusal, for people. */
function describe({ detail, errors = [] }) {
  const fields = errors.map(({ path, message }) => `${path} ${message}`)
  return fields.length > 0 ? `${fields.join(', ')}.` : detail
}

async function confirm() {
  const body = { token, ...(purpose.password ? { [purpose.password.name]: password.value } : {}) }
  const response = await fetch(purpose.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  if (response.ok) {
    showResult(purpose.done, purpose.then)
    return
  }
  const refusal = await response.json()
  if (refusal.code === 'email_token_invalid' || refusal.code === 'email_taken')
    showResult(refusal.title, refusal.detail)
  else problem.textContent = describe(refusal)
}

if (purpose && token) {
  form.hidden = false
  byId('title').textContent = document.title = purpose.title
  byId('text').textContent = purpose.text
  submit.textContent = purpose.button
  if (purpose.password) {
    byId('password-field').hidden = false
    byId('password-label').textContent = purpose.password.label
    byId('password-hint').textContent = purpose.password.hint
    password.autocomplete = purpose.password.autocomplete
    password.required = true
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (submit.ariaDisabled === 'true') return
    submit.ariaDisabled = 'true'
    problem.textContent = ''
    confirm()
      .catch(() => {
        problem.textContent = 'The server does not answer. Nothing was changed; try again.'
      })
      .finally(() => {
        submit.ariaDisabled = null
      })
  })
} else showResult('This is not a whole link', 'Open it from the mail, or copy all of it.')
