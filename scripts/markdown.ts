export const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

export const code = (text: string) => `\`${text}\``

/** 1234.5 → `1,235`, 12.34 → `12.3`, 1.234 → `1.23` */
export function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export interface Machine {
  cpu: string
  cores: number
  memory_gb: number
  os: string
  node: string
  postgres: string
  redis: string
}

export const writeMachine = ({ cpu, cores, memory_gb, os, node, postgres, redis }: Machine) =>
  `${String(cores)} × ${cpu}, ${String(memory_gb)} GB, ${os}, Node ${node}, PostgreSQL ${postgres}, Redis ${redis}`
