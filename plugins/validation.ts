import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { build } from 'fast-json-stringify'
import fp from 'fastify-plugin'

/** Schemas do not change: problem details, which every route may answer with, have one serializer. */
const serializers = new WeakMap<object, ReturnType<typeof build>>()

function serializerOf(schema: object): ReturnType<typeof build> {
  const serializer = serializers.get(schema) ?? build(schema)
  serializers.set(schema, serializer)
  return serializer
}

/**
 * One strict validator for our routes, whatever the host app has set: no value is coerced, no unknown field
 * is dropped in silence, every fault is named. And one serializer: an answer holds what its schema names.
 */
export default fp(
  async (fastify) => {
    const ajv = new Ajv({ allErrors: true, coerceTypes: false, removeAdditional: false, useDefaults: false })
    addFormats.default(ajv)
    fastify.setValidatorCompiler(({ schema }) => ajv.compile(schema))
    fastify.setSerializerCompiler(({ schema }) => serializerOf(schema as object))
  },
  { name: 'validation' }
)
