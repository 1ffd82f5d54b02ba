/** Hashes that others made, with their passwords. */
export interface Vector {
  source: string
  hash: string
  password: string
}

export const vectors: Vector[] = [
  {
    source: 'bcrypt, crypt_blowfish of Openwall, wrapper.c, here of the minor version a',
    hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    password: 'U*U'
  },
  {
    source: 'bcrypt of PHP, whose minor version is y',
    hash: '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    password: 'U*U'
  },
  {
    source: 'bcrypt, crypt(3) of libxcrypt',
    hash: '$2b$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W',
    password: 'correct horse battery staple'
  },
  {
    source: 'scrypt, RFC 7914 §12',
    hash: '$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA',
    password: 'password'
  },
  {
    source: 'scrypt of OpenSSL by Python, at OWASP’s cost',
    hash: '$scrypt$ln=17,r=8,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$9Lu+XZ0on0DAoVbN4jhTgbjxv4Er4OADKkJggafAU4U',
    password: 'correct horse battery staple'
  },
  {
    source: 'PBKDF2 with SHA-256, RFC 7914 §11',
    hash: '$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ',
    password: 'Password'
  },
  {
    source: 'PBKDF2 with SHA-256, documentation of passlib',
    hash: '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
    password: 'password'
  },
  {
    source: 'PBKDF2 with SHA-512, OpenSSL by Python',
    hash: '$pbkdf2-sha512$i=210000$c2FsdCBvZiBzaXh0ZWVuIQ$gtTASM9b07GwuuLL/XXSLq/3TvzE9916AgdH7qj5NbQTLVViNYrovxSjGCZHGPTG8UzLFgtXFIVH0ep7KsTrgg',
    password: 'correct horse battery staple'
  },
  {
    source: 'argon2id, test.c of the reference implementation',
    hash: '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    password: 'password'
  },
  {
    source: 'argon2i, the same',
    hash: '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA',
    password: 'password'
  },
  {
    source: 'argon2i of version 16, the same',
    hash: '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
    password: 'password'
  }
]
