import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import t, { type Test } from 'tap'
import { LoginBody, SignupBody } from '../../schemas/auth.ts'
import { Email, Id, Label, Name, NewPassword, Password } from '../../schemas/common.ts'

const ajv = new Ajv()
addFormats.default(ajv)

function accepts(t: Test, validate: ValidateFunction, values: unknown[]) {
  for (const value of values) t.ok(validate(value), JSON.stringify(value).slice(0, 60))
}

function refuses(t: Test, validate: ValidateFunction, values: unknown[]) {
  for (const value of values) t.notOk(validate(value), JSON.stringify(value).slice(0, 60))
}

t.test('email addresses', async (t) => {
  const validate = ajv.compile(Email)
  accepts(t, validate, [
    'a@example.com',
    'Ada.Lovelace+x@mail.example.co.uk',
    "o'neill_1@example.com",
    'a@b.museum'
  ])
  refuses(t, validate, [
    ...[
      '',
      'a',
      'a@',
      '@example.com',
      'a@@example.com',
      'a b@example.com',
      'a@example..com',
      'a@-example.com'
    ],
    ...[
      'a@example.com\n',
      ' a@example.com',
      'a@example.com\u0000',
      'Ada <a@example.com>',
      'a@example.com,b@example.com'
    ],
    `${'a'.repeat(243)}@example.com`
  ])
  t.ok(validate(`${'a'.repeat(242)}@example.com`), '254 characters')
})

t.test('names and labels are any printable text, counted as people count', async (t) => {
  const names = [
    'A',
    'Zoë',
    '李小龍',
    'عمر',
    '👩‍👩‍👧',
    'O’Neill-Smith, Jr. (3rd)',
    ' ',
    '\u00a0',
    '🔑'.repeat(200)
  ]
  accepts(t, ajv.compile(Name), names)
  const none = [
    '',
    '\u0000',
    'a\tb',
    'a\r\nb',
    '\u001b[0m',
    '\u007f',
    '\u009b',
    '\ud83d',
    'a\udd11b',
    '🔑'.repeat(201)
  ]
  refuses(t, ajv.compile(Name), none)
  accepts(t, ajv.compile(Label), ['x'.repeat(100)])
  refuses(t, ajv.compile(Label), ['x'.repeat(101), 'a\nb'])
})

t.test('a new password has 15 to 256 characters of any kind that can be typed', async (t) => {
  const validate = ajv.compile(NewPassword(15))
  accepts(t, validate, ['               ', '🔑'.repeat(15), 'ß'.repeat(256), `"'\\;--${'x'.repeat(10)}`])
  refuses(t, validate, [
    'x'.repeat(14),
    'x'.repeat(257),
    `${'x'.repeat(20)}\u0000`,
    `${'x'.repeat(20)}\ud800`
  ])
})

t.test('a password that is tried may be any that was ever accepted', async (t) => {
  const validate = ajv.compile(Password)
  accepts(t, validate, ['x', 'x'.repeat(1024), '\u0000'])
  refuses(t, validate, ['', 'x'.repeat(1025)])
})

t.test('ids are UUIDs', async (t) => {
  const validate = ajv.compile(Id)
  accepts(t, validate, ['01890000-0000-7000-8000-000000000000', '01890000-0000-7000-8000-00000000000A'])
  refuses(t, validate, [
    '',
    '1',
    '{01890000-0000-7000-8000-000000000000}',
    '01890000-0000-7000-8000-000000000000\u0000'
  ])
})

t.test('whoever signed up can log in: a login takes all that a signup takes', async (t) => {
  const signup = ajv.compile(SignupBody(15))
  const login = ajv.compile(LoginBody)
  for (const email of ['a@example.com', `${'a'.repeat(242)}@example.com`]) {
    for (const password of ['x'.repeat(15), '🔑'.repeat(256)]) {
      t.ok(signup({ email, password }) && login({ email, password }))
    }
  }
})
